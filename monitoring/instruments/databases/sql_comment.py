"""Appends route and trace to a statement as a comment, which the database server's own log shows.

The form is sqlcommenter's: https://google.github.io/sqlcommenter/spec/
"""

from typing import Any
from urllib.parse import quote

from django.http import HttpRequest

from monitoring.instruments.databases.trackers import current_request
from monitoring.instruments.request_headers import sampled_trace
from monitoring.metrics.route_templates import template_label


def commented(sql: Any, params: Any) -> Any:
    """The statement with its comment, or as it is: if nothing is known, or it has a comment.

    Only texts get one, and not those of MySQL and Oracle that begin with a hint, because a hint is
    a comment. `params` tells whether the driver takes `%` for a placeholder.
    """
    if not isinstance(sql, str) or "/*" in sql or "--" in sql:
        return sql
    comment = _comment(current_request())
    if not comment:
        return sql
    if params is not None:
        comment = comment.replace("%", "%%")
    statement = sql.rstrip()
    if statement.endswith(";"):
        return f"{statement[:-1]} {comment};"
    return f"{statement} {comment}"


def _comment(request: HttpRequest | None) -> str:
    pairs: dict[str, str] = {}  # in the order of their names
    match = None if request is None else request.resolver_match
    if match is not None:
        pairs["route"] = template_label(match.route)
    trace = sampled_trace({} if request is None else request.META)
    if trace is not None:
        pairs["traceparent"] = f"00-{trace.trace_id.hex()}-{trace.span_id.hex()}-01"
    if not pairs:
        return ""
    # Percent-encoded: no text can end the comment or a value.
    written = ",".join(f"{name}='{quote(value, safe='')}'" for name, value in pairs.items())
    return f"/*{written}*/"
