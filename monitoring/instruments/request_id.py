"""The id by which a request is found again in logs."""

import re
import uuid

from django.http import HttpRequest

_SOUND = re.compile(r"[A-Za-z0-9_.:/+=@-]{1,128}", re.ASCII)


def request_id(request: HttpRequest) -> str:
    """The proxy's `X-Request-ID` if it is a plain token, else a random one; always the same."""
    known: str | None = getattr(request, "monitoring_request_id", None)
    if known is None:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        known = given if _SOUND.fullmatch(given) else uuid.uuid4().hex
        request.monitoring_request_id = known  # type: ignore[attr-defined]
    return known
