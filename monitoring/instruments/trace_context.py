"""Which trace a request belongs to, if it is a sampled one.

Told by the current OpenTelemetry span where the site uses OpenTelemetry, else by the `traceparent`
header (W3C Trace Context, section 3.2).
"""

import re
import sys
from collections.abc import Mapping
from typing import Any

from monitoring.storage.exemplar_format import Trace

HEADER = "HTTP_TRACEPARENT"

_OPENTELEMETRY = "opentelemetry.trace"
_SAMPLED = 1
# Lower-case hexadecimal only; version ff is forbidden. A version above 00 may append fields.
_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)


def sampled_trace(meta: Mapping[str, Any]) -> Trace | None:
    """The trace of a request with these headers (Django's META); None if it is not sampled.

    For a request without one it costs a header look-up and a look whether OpenTelemetry is
    imported: it is never imported here.
    """
    api = sys.modules.get(_OPENTELEMETRY)
    if api is not None:
        trace = _of_current_span(api)
        if trace is not None:
            return trace
    header = meta.get(HEADER)
    return None if header is None else parse_traceparent(header)


def parse_traceparent(header: str) -> Trace | None:
    """The header's trace id and parent id; None if it is invalid or its sampled flag is not set.

    The parent id is the span of the caller that made this request.
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
