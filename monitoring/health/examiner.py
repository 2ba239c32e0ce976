"""Runs checks side by side, each in a thread with a deadline, and never one of them twice.

In a process, whoever asks for a check that is running waits for that run. A run that outlives its
deadline is reported as such and left alone: until its thread ends, no other one is started.
"""

import contextlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings as django_settings
from django.db import connections

from monitoring.conf import get_settings
from monitoring.health.board import Board
from monitoring.health.findings import (
    CheckError,
    Finding,
    Report,
    Result,
    Status,
    site_report,
    worst,
)
from monitoring.storage.directory import configured_directory

LATE = Finding(Status.UNHEALTHY, "No answer in time.")
FAILED = Finding(Status.UNHEALTHY, "The check failed.")

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 0.25  # of a claim, for a result that comes at the last moment
_LOG_EVERY_SECONDS = 60.0
_CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")

logger = logging.getLogger("monitoring.health")


# A part of a check: it gets the seconds that it may take, and the last finding, if there is one.
Probe = Callable[[float, Finding | None], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its public name; its parts run side by side, the worst one counts."""

    name: str
    parts: Mapping[str, Probe]
    details: Mapping[str, Any] = field(default_factory=dict)  # of an answer that has none


@dataclass(slots=True)
class _Run:
    """A part being run in this process, or waited for while another process runs it."""

    started: float
    details: Mapping[str, Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Result | None = None


class Examiner:
    """This process's share in the checks."""

    def __init__(self, directory: Path, check: float, overall: float, share: float) -> None:
        """In seconds: `check` and `overall` are deadlines, `share` is how long a result is good."""
        self._board = Board(directory)
        self._check_seconds = min(check, overall)
        self._overall_seconds = overall
        self._share_seconds = share
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._results: dict[str, Result] = {}
        self._logged: dict[str, tuple[Status, float]] = {}

    def examine(self, checks: Iterable[Check], critical: Iterable[str]) -> Report:
        """Within the overall deadline, whatever the checks do."""
        deadline = time.monotonic() + self._overall_seconds
        runs = {
            check.name: {
                part: self._begin(part, probe, check.details) for part, probe in check.parts.items()
            }
            for check in checks
        }
        results = {
            name: worst(self._wait(part, run, deadline) for part, run in parts.items())
            for name, parts in runs.items()
        }
        return site_report(results, critical, time.time())

    def _begin(self, part: str, probe: Probe, details: Mapping[str, Any]) -> "_Run | Result":
        """A result that is still good, or the run that will bring one."""
        now = time.monotonic()
        with self._lock:
            known = self._results.get(part)
            if known is not None and known.finished >= now - self._share_seconds:
                return known
            run = self._running.get(part)
            if run is not None:
                return run
            run = self._running[part] = _Run(now, details)
        try:
            threading.Thread(
                target=self._run, args=(part, probe, run), name=f"health-{part}", daemon=True
            ).start()
        except RuntimeError:  # no more threads: nothing is healthy here
            self._finish(part, run, self._result(replace(FAILED, details=details), now))
        return run

    def _wait(self, part: str, run: "_Run | Result", deadline: float) -> Result:
        if isinstance(run, Result):
            return run
        until = min(run.started + self._check_seconds, deadline)
        run.done.wait(max(0.0, until - time.monotonic()))
        if run.result is not None:
            return run.result
        late = replace(LATE, details=run.details)
        return self._settle(part, self._result(late, run.started), "did not answer in time")

    def _run(self, part: str, probe: Probe, run: _Run) -> None:
        """In a thread of its own: wait for another process's result, or make one."""
        try:
            ours, result = self._claim(part, run)
            if not ours:
                if result is not None:
                    with self._lock:
                        self._results[part] = result
                self._finish(part, run, result)
                return
            started = time.monotonic()
            cause: BaseException | None = None
            try:
                left = run.started + self._check_seconds - started
                finding = probe(max(0.1, left), result.finding if result else None)
            except CheckError as error:
                finding, cause = error.finding, error.__cause__
            except BaseException as error:
                finding, cause = replace(FAILED, details=run.details), error
            result = self._settle(part, self._result(finding, started), describe(cause))
            self._finish(part, run, result)
        finally:
            self._finish(part, run, run.result)
            connections.close_all()  # of this thread

    def _claim(self, part: str, run: _Run) -> tuple[bool, Result | None]:
        deadline = run.started + self._check_seconds
        while True:
            oldest = time.monotonic() - self._share_seconds
            try:
                ours, result = self._board.claim(part, oldest, self._check_seconds + _GRACE_SECONDS)
            except OSError:
                return True, self._results.get(part)
            if ours or result is not None or time.monotonic() >= deadline:
                return ours, result
            time.sleep(_POLL_SECONDS)

    def _settle(self, part: str, result: Result, reason: str) -> Result:
        """Make it known here, to the other processes, and to the log."""
        with self._lock:
            self._results[part] = result
        with contextlib.suppress(OSError):  # no space, say: the others look for themselves
            self._board.publish(part, result)
        self._log(part, result, reason)
        return result

    def _finish(self, part: str, run: _Run, result: Result | None) -> None:
        run.result = result
        with self._lock:
            if self._running.get(part) is run:
                del self._running[part]
        run.done.set()

    def _result(self, finding: Finding, started: float) -> Result:
        now = time.monotonic()
        duration = None if finding.status == Status.DISABLED else round(1000 * (now - started), 3)
        return Result(finding, duration, time.time(), now)

    def _log(self, part: str, result: Result, reason: str) -> None:
        """A change at once, a trouble that stays once a minute."""
        now = time.monotonic()
        before, when = self._logged.get(part, (Status.HEALTHY, float("-inf")))
        if result.status in (Status.HEALTHY, Status.DISABLED):
            if before not in (Status.HEALTHY, Status.DISABLED):
                logger.warning("%s: %s again", part, result.status)
            self._logged[part] = (result.status, float("-inf"))
        elif result.status != before or now >= when + _LOG_EVERY_SECONDS:
            self._logged[part] = (result.status, now)
            logger.warning("%s: %s: %s", part, result.status, reason or result.finding.message)


def examiner() -> Examiner:
    """This process's examiner; a forked child gets one of its own."""
    settings = get_settings()
    return _examiner_of(
        configured_directory(),
        settings.HEALTH_CHECK_TIMEOUT_MS / 1000,
        settings.HEALTH_TIMEOUT_MS / 1000,
        settings.HEALTH_SHARE_MS / 1000,
        os.getpid(),
    )


@lru_cache(maxsize=4)
def _examiner_of(directory: Path, check: float, overall: float, share: float, pid: int) -> Examiner:
    return Examiner(directory, check, overall, share)


def describe(error: BaseException | None) -> str:
    return "" if error is None else without_secrets(f"{type(error).__name__}: {error}")[:500]


def without_secrets(text: str) -> str:
    """The text without the passwords of databases and Redis, and without credentials in URLs."""
    for password in set(_passwords()):
        text = text.replace(password, "…")
    return _CREDENTIALS.sub(r"\1…@", text)


def _passwords() -> Iterator[str]:
    for database in django_settings.DATABASES.values():
        if password := str(database.get("PASSWORD") or ""):
            yield password
    for url in (
        get_settings().REDIS_URL,
        str(getattr(django_settings, "CELERY_BROKER_URL", "") or ""),
    ):
        try:
            password = urlsplit(url).password or ""
        except ValueError:
            continue
        yield from filter(None, (password, unquote(password)))
