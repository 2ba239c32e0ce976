"""The reference project's Celery application with tasks that leave a mark of what they come to."""

import contextlib
import os
import random
import signal
import time
from types import FrameType

from celery.exceptions import SoftTimeLimitExceeded
from django.core.cache import caches
from django.db import connection

from project.celery import app

TICK, ASK = "chaos.tick", "chaos.ask_until_interrupted"
MARKS = "CHAOS_MARKS"  # the environment variable that names the file of marks
BEGUN, ENDED = b"(", b")"
# Of `ask_until_interrupted`: an alarm that arrived or did not, the time limit that did or did not.
ASKING, ALARMED, NOT_ALARMED, LIMITED, NOT_LIMITED = b"[", b".", b"?", b"]", b"!"
_PATIENCE_SECONDS = 10.0


@app.task(name=TICK, ignore_result=True)
def tick() -> None:
    mark(BEGUN)
    time.sleep(0.03)  # or one child could do them all, and an idle one does not tend its files
    mark(ENDED)


@app.task(name=ASK, ignore_result=True)
def ask_until_interrupted(seed: int) -> None:
    """Asks the database and the cache until Celery's soft time limit, with alarms all the time."""
    mark(ASKING)
    signal.signal(signal.SIGALRM, _raise)
    chance = random.Random(seed)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    try:
        while time.monotonic() < deadline:
            mark(ALARMED if _is_alarmed(chance.uniform(0.001, 0.02)) else NOT_ALARMED)
    except (SoftTimeLimitExceeded, _AlarmError):  # or an alarm just behind the limit
        signal.setitimer(signal.ITIMER_REAL, 0)
        mark(LIMITED)
    else:
        mark(NOT_LIMITED)


class _AlarmError(Exception):
    """What the handler of SIGALRM raises."""


def _raise(number: int, frame: FrameType | None) -> None:
    raise _AlarmError


def _is_alarmed(seconds: float) -> bool:
    """Whether an alarm that comes after `seconds` stops the asking."""
    deadline = time.monotonic() + seconds + _PATIENCE_SECONDS / 4
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while time.monotonic() < deadline:
            _ask()
    except _AlarmError as alarm:
        if limit := _limit_behind(alarm):
            raise limit from None
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def _limit_behind(alarm: BaseException) -> SoftTimeLimitExceeded | None:
    """The soft time limit that was on its way when the alarm came."""
    behind: BaseException | None = alarm
    while behind is not None and not isinstance(behind, SoftTimeLimitExceeded):
        behind = behind.__context__
    return behind


def _ask() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        caches["default"].get("chaos")
    except (_AlarmError, SoftTimeLimitExceeded):
        raise
    except Exception:  # an earlier interruption left the driver's connection in pieces
        connection.close()
        with contextlib.suppress(AttributeError):  # it was interrupted before it was made
            del caches["default"]


def mark(byte: bytes) -> None:
    """Appended by one system call: those of all children add up."""
    descriptor = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, byte)
    os.close(descriptor)
