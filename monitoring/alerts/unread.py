"""Counts an admin's unread alerts for the header of each admin page, with one query at most."""

from contextlib import nullcontext
from time import monotonic
from typing import Any

from django.db import Error, connections, transaction

from monitoring.models import AlertNotification, own_alias
from monitoring.storage.self_report import report_error

MOST = 99  # counting stops here

_SECONDS = 5.0  # a count of this process is used again for this long
_MOST_USERS = 1000

# By database and user: until when, and how many. A router may choose the database by the request,
# as with one for each tenant, and then the same key is another user's.
_counts: dict[tuple[str, object], tuple[float, int]] = {}

# A statement that fails leaves the transaction around it as it was.
_TRANSACTION_SURVIVES = frozenset({"sqlite", "mysql", "oracle"})


def count_unread(user_pk: Any) -> int:
    """The number of unread alerts, at most MOST; 0 if the database cannot say."""
    alias = own_alias()
    until, count = _counts.get((alias, user_pk), (0.0, 0))
    now = monotonic()
    if now < until:
        return count
    if len(_counts) >= _MOST_USERS:
        _counts.clear()
    try:
        count = _ask(alias, user_pk)
    except Error:
        count = 0
    except Exception:  # such as an alias that DATABASES has not: no page of the project's fails
        report_error("unread alerts cannot be counted")
        count = 0
    _counts[alias, user_pk] = (now + _SECONDS, count)
    return count


def forget_unread() -> None:
    """Count anew at the next page: this process has changed what is unread."""
    _counts.clear()


def _ask(alias: str, user_pk: Any) -> int:
    connection = connections[alias]
    needs_savepoint = connection.in_atomic_block and connection.vendor not in _TRANSACTION_SURVIVES
    with transaction.atomic(using=alias) if needs_savepoint else nullcontext():
        own = AlertNotification.objects.filter(user_id=user_pk, is_read=False)
        return own.order_by()[:MOST].count()
