"""Reads from a request its queue time, its sampled trace, its id and its path."""

import re
import sys
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from monitoring.primitives.encodable import encodable
from monitoring.storage.exemplars import Trace

REQUEST_START = "HTTP_X_REQUEST_START"
MAX_PATH = 300

_MOMENT = re.compile(r"(?:t=)?(\d{10,16}(?:\.\d{1,9})?)", re.ASCII)
_LONGEST_SECONDS = 3600.0  # no proxy holds a request for longer
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_OPENTELEMETRY = "opentelemetry.trace"
_TRACEPARENT_HEADER = "HTTP_TRACEPARENT"
_SAMPLED = 1
# Lower-case hexadecimal only; version ff is forbidden. A version above 00 may append fields.
_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)


def queue_seconds(header: str, now: float) -> float | None:
    """Seconds from the time in X-Request-Start to `now` (Unix seconds).

    Takes seconds, milliseconds or microseconds. 0 if the proxy's clock is up to a second ahead;
    None if the header is not a time, or the time is further ahead or more than an hour ago.
    """
    match = _MOMENT.fullmatch(header)
    if match is None:
        return None
    moment = float(match[1])
    if moment >= 1e14:
        moment /= 1e6
    elif moment >= 1e11:
        moment /= 1e3
    seconds = now - moment
    if not -1.0 <= seconds <= _LONGEST_SECONDS:
        return None
    return max(seconds, 0.0)


def sampled_trace(meta: Mapping[str, Any]) -> Trace | None:
    """The sampled trace of a request with this META: of OpenTelemetry's span, else of the header.

    None without a sampled trace; that costs two look-ups. OpenTelemetry is never imported here.
    """
    api = sys.modules.get(_OPENTELEMETRY)
    if api is not None:
        trace = _of_current_span(api)
        if trace is not None:
            return trace
    header = meta.get(_TRACEPARENT_HEADER)
    return None if header is None else parse_traceparent(header)


def parse_traceparent(header: str) -> Trace | None:
    """The trace id and the caller's span id; None if the header is invalid or not sampled.

    Format: https://www.w3.org/TR/trace-context/#traceparent-header
    """
    match = _TRACEPARENT.fullmatch(header)
    if match is None or (match["version"] == "00" and match["rest"] is not None):
        return None
    if not int(match["flags"], 16) & _SAMPLED:
        return None
    return Trace(bytes.fromhex(match["trace"]), bytes.fromhex(match["span"]))


def _of_current_span(api: Any) -> Trace | None:
    get_current_span = getattr(api, "get_current_span", None)
    if get_current_span is None:  # another thread is importing it at this moment
        return None
    context = get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags & _SAMPLED:
        return None
    return Trace(context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big"))


def request_id_of(request: HttpRequest) -> str | None:
    """X-Request-ID, else the request's attribute `request_id`; None if it has no valid form."""
    given = request.META.get("HTTP_X_REQUEST_ID") or getattr(request, "request_id", None)
    return given if isinstance(given, str) and _REQUEST_ID.fullmatch(given) else None


def path_of(request: HttpRequest) -> str:
    """The path, cut to MAX_PATH characters, with lone surrogates replaced."""
    return encodable(request.path[:MAX_PATH])
