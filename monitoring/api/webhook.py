"""POST /api/alerts/webhook/: Alertmanager's alerts become notifications to all admins.

A plain Django view, so that it works without Django REST framework. What is known already is not
told again.
"""

import io
from time import monotonic
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from monitoring.alerts.alertmanager import (
    MAX_BODY_BYTES,
    InvalidWebhookError,
    parse_webhook,
    receive_alerts,
)
from monitoring.api.database_gate import answer_to_failure, check_database, check_users
from monitoring.api.plain_json import EndpointError, InvalidFieldsError, read_json
from monitoring.conf import get_settings
from monitoring.exposition.access import is_bearer


def webhook(request: HttpRequest) -> HttpResponse:
    """Refusals first, so that a client without the token sees nothing of the database's state."""
    deadline = monotonic() + get_settings().DATABASE_TIMEOUT_MS / 1000
    try:
        if request.method != "POST":
            raise EndpointError(
                405,
                "method_not_allowed",
                f'Method "{request.method}" not allowed.',
                headers={"Allow": "POST"},
            )
        check_users()
        _check_token(request)
        check_database(request, deadline)
        answer = _receive(request)
    except EndpointError as error:
        return error.response()
    except Exception as error:
        if (told := answer_to_failure(error, max(deadline - monotonic(), 0.0))) is None:
            raise
        return told.response()
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _check_token(request: HttpRequest) -> None:
    """Without WEBHOOK_TOKEN in the settings, every request is refused."""
    token = get_settings().WEBHOOK_TOKEN
    if not token or not is_bearer(request.headers.get("Authorization", ""), token):
        raise EndpointError(
            401,
            "authentication_failed",
            "The webhook's bearer token is needed.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _receive(request: HttpRequest) -> dict[str, Any]:
    """The body is JSON, whatever its Content-Type says."""
    # A middleware of the project may have read it before.
    stream: Any = io.BytesIO(request.body) if request._read_started else request  # type: ignore[attr-defined]
    try:
        alerts = parse_webhook(read_json(stream, MAX_BODY_BYTES))
    except InvalidWebhookError as error:
        raise InvalidFieldsError({error.field: [error.problem]}) from error
    return {"received": len(alerts), "new": receive_alerts(alerts)}
