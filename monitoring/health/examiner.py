"""Runs checks side by side, each in a thread with a deadline, and never one of them twice.

In a process, whoever asks for a check that is running waits for that run. A run that outlives its
deadline is reported as such and left alone: until its thread ends, no other one is started.
"""

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
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
from monitoring.primitives.deadline import NoThreadError, Run, Runs
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.per_process import per_process
from monitoring.storage.directory import configured_directory

LATE = Finding(Status.UNHEALTHY, "No answer in time.")
FAILED = Finding(Status.UNHEALTHY, "The check failed.")

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 0.25  # of a claim, for a result that comes at the last moment
_CREDENTIALS = re.compile(r"(\w+://)[^/\s]*@")
_QUIET = (Status.HEALTHY, Status.DISABLED)

logger = logging.getLogger("monitoring.health")


# A part of a check: it gets the seconds that it may take, and the last finding, if there is one.
Probe = Callable[[float, Finding | None], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its public name; its parts run side by side, the worst one counts."""

    name: str
    parts: Mapping[str, Probe]
    details: Mapping[str, Any] = field(default_factory=dict)  # of an answer that has none


_Begun = Run[Result | None] | Result


class Examiner:
    """This process's share in the checks."""

    def __init__(self, directory: Path, check: float, overall: float, share: float) -> None:
        """In seconds: `check` and `overall` are deadlines, `share` is how long a result is good."""
        self._board = Board(directory)
        self._check_seconds = min(check, overall)
        self._overall_seconds = overall
        self._share_seconds = share
        self._runs: Runs[Result | None] = Runs()
        self._results: dict[str, Result] = {}
        self._logged: dict[str, Status] = {}
        self._log_limit = LogLimit()

    def examine(self, checks: Iterable[Check], critical: Iterable[str]) -> Report:
        """Within the overall deadline, whatever the checks do."""
        deadline = time.monotonic() + self._overall_seconds
        begun = {
            check.name: [
                (part, self._begin(part, probe, check.details), check.details)
                for part, probe in check.parts.items()
            ]
            for check in checks
        }
        results = {
            name: worst(self._wait(part, run, deadline, details) for part, run, details in parts)
            for name, parts in begun.items()
        }
        return site_report(results, critical, time.time())

    def _begin(self, part: str, probe: Probe, details: Mapping[str, Any]) -> _Begun:
        """A result that is still good, or the run that will bring one."""
        known = self._known(part)
        if known is not None:
            return known
        now = time.monotonic()
        try:
            return self._runs.join(
                part,
                lambda: self._run(part, probe, details, now),
                name=f"health-{part}",
                afterwards=connections.close_all,  # of this thread
            )
        except NoThreadError as error:  # nothing is healthy here
            return self._failed(part, details, now, error)

    def _known(self, part: str) -> Result | None:
        known = self._results.get(part)
        is_good = known is not None and known.finished >= time.monotonic() - self._share_seconds
        return known if is_good else None

    def _wait(
        self,
        part: str,
        run: _Begun,
        deadline: float,
        details: Mapping[str, Any],
    ) -> Result:
        if isinstance(run, Result):
            return run
        if run.wait(min(run.started + self._check_seconds, deadline)):
            if run.error is not None:
                return self._failed(part, details, run.started, run.error)
            result = run.value()
            if result is not None:
                return result
        late = replace(LATE, details=details)
        return self._settle(part, self._result(late, run.started), "did not answer in time")

    def _run(
        self, part: str, probe: Probe, details: Mapping[str, Any], begun: float
    ) -> Result | None:
        """In a thread of its own: wait for another process's result, or make one.

        None if the other process has none in time.
        """
        known = self._known(part)
        if known is not None:  # it came between the look and this run
            return known
        ours, result = self._claim(part, begun + self._check_seconds)
        if not ours:
            if result is not None:
                self._results[part] = result
            return result
        started = time.monotonic()
        cause: BaseException | None = None
        try:
            left = begun + self._check_seconds - started
            finding = probe(max(0.1, left), result.finding if result else None)
        except CheckError as error:
            finding, cause = error.finding, error.__cause__
        except BaseException as error:
            finding, cause = replace(FAILED, details=details), error
        return self._settle(part, self._result(finding, started), describe(cause))

    def _claim(self, part: str, deadline: float) -> tuple[bool, Result | None]:
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
        self._results[part] = result
        with contextlib.suppress(OSError):  # no space, say: the others look for themselves
            self._board.publish(part, result)
        self._log(part, result, reason)
        return result

    def _failed(
        self, part: str, details: Mapping[str, Any], started: float, error: BaseException
    ) -> Result:
        """Trouble of this process, of which the others need not know."""
        result = self._result(replace(FAILED, details=details), started)
        self._log(part, result, describe(error))
        return result

    def _result(self, finding: Finding, started: float) -> Result:
        now = time.monotonic()
        duration = None if finding.status == Status.DISABLED else round(1000 * (now - started), 3)
        return Result(finding, duration, time.time(), now)

    def _log(self, part: str, result: Result, reason: str) -> None:
        """A change at once, a trouble that stays once a minute."""
        before = self._logged.get(part, Status.HEALTHY)
        self._logged[part] = result.status
        if result.status != before:
            self._log_limit.forget(part)
        if result.status in _QUIET:
            if before not in _QUIET:
                logger.warning("%s: %s again", part, result.status)
        elif self._log_limit.passes(part):
            logger.warning("%s: %s: %s", part, result.status, reason or result.finding.message)


def examiner() -> Examiner:
    """This process's examiner; a forked child gets one of its own."""
    settings = get_settings()
    return _examiner_of(
        configured_directory(),
        settings.HEALTH_CHECK_TIMEOUT_MS / 1000,
        settings.HEALTH_TIMEOUT_MS / 1000,
        settings.HEALTH_SHARE_MS / 1000,
    )


@per_process
def _examiner_of(directory: Path, check: float, overall: float, share: float) -> Examiner:
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
