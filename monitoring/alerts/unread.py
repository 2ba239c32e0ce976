"""Counts an admin's unread alerts for the header of each admin page, with one query at most."""

from contextlib import nullcontext
from time import monotonic
from typing import Any

from django.db import Error, connections, transaction

from monitoring.models import AlertNotification, own_alias

MOST = 99  # counting stops here

_SECONDS = 5.0  # a count of this process is used again for this long
_MOST_USERS = 1000

_counts: dict[object, tuple[float, int]] = {}  # by user: until when, and how many

# A statement that fails leaves the transaction around it as it was.
_TRANSACTION_SURVIVES = frozenset({"sqlite", "mysql", "oracle"})


def count_unread(user_pk: Any) -> int:
    """The number of unread alerts, at most MOST; 0 if the database cannot say."""
    until, count = _counts.get(user_pk, (0.0, 0))
    now = monotonic()
    if now < until:
        return count
    if len(_counts) >= _MOST_USERS:
        _counts.clear()
    try:
        count = _ask(user_pk)
    except Error:
        count = 0
    _counts[user_pk] = (now + _SECONDS, count)
    return count


def forget_unread() -> None:
    """Count anew at the next page: this process has changed what is unread."""
    _counts.clear()


def _ask(user_pk: Any) -> int:
    alias = own_alias()
    connection = connections[alias]
    needs_savepoint = connection.in_atomic_block and connection.vendor not in _TRANSACTION_SURVIVES
    with transaction.atomic(using=alias) if needs_savepoint else nullcontext():
        own = AlertNotification.objects.filter(user_id=user_pk, is_read=False)
        return own.order_by()[:MOST].count()
