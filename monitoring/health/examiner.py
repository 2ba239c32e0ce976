"""Runs checks in parallel, each in a thread with a deadline, and never one check twice at once.

In a process, callers that need a running check wait for that run. A run that misses its deadline is
reported as late and is not cancelled; until its thread ends, the check does not start again.
"""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitoring.backing_services.database_probe import close_all
from monitoring.conf import get_settings
from monitoring.health.board import Board
from monitoring.health.causes import describe
from monitoring.health.findings import (
    Check,
    CheckError,
    Finding,
    Probe,
    Report,
    Result,
    Status,
    site_report,
    worst,
)
from monitoring.primitives.deadline import NoThreadError, Run, Runs
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.per_process import per_process
from monitoring.storage.directory import configured_directory

LATE = Finding(Status.UNHEALTHY, "No answer in time.")
FAILED = Finding(Status.UNHEALTHY, "The check failed.")

_POLL_SECONDS = 0.01
_GRACE_SECONDS = 0.25  # added to a claim, for a result at the last moment
_QUIET = (Status.HEALTHY, Status.DISABLED)

logger = OwnLogger("monitoring.health")

_Begun = Run[Result | None] | Result  # the run that will give a result, or a fresh one


class Examiner:
    """Runs the checks of this process, and uses the results of others."""

    def __init__(
        self, directory: Path, check_seconds: float, overall_seconds: float, share_seconds: float
    ) -> None:
        """Deadlines of one check and of all together; a result is reused for `share_seconds`."""
        self._board = Board(directory)
        self._check_seconds = min(check_seconds, overall_seconds)
        self._overall_seconds = overall_seconds
        self._share_seconds = share_seconds
        self._runs: Runs[Result | None] = Runs()
        self._results: dict[str, Result] = {}
        self._logged: dict[str, Status] = {}
        self._log_limit = LogLimit()

    def examine(self, checks: Iterable[Check], critical: Iterable[str]) -> Report:
        """Run the checks; returns within the overall deadline, whatever they do."""
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
        """A result that is still fresh, or the run that will give one."""
        known = self._known(part)
        if known is not None:
            return known
        now = time.monotonic()
        try:
            return self._runs.join(
                part,
                lambda: self._run(part, probe, details, now),
                name=f"health-{part}",
                afterwards=close_all,
            )
        except NoThreadError as error:  # not a fault of the checked service
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
        """Run the probe, or wait for the result of another process that is running it.

        Runs in its own thread. None if the other process has no result in time.
        """
        known = self._known(part)
        if known is not None:  # it came after `_begin` had looked
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
        """Store the result here, publish it to the other processes, and log it."""
        self._results[part] = result
        with contextlib.suppress(OSError):  # such as a full disk: others run the check themselves
            self._board.publish(part, result)
        self._log(part, result, reason)
        return result

    def _failed(
        self, part: str, details: Mapping[str, Any], started: float, error: BaseException
    ) -> Result:
        """The result of a fault in this process, which is not published to the others."""
        result = self._result(replace(FAILED, details=details), started)
        self._log(part, result, describe(error))
        return result

    def _result(self, finding: Finding, started: float) -> Result:
        now = time.monotonic()
        duration = None if finding.status == Status.DISABLED else round(1000 * (now - started), 3)
        return Result(finding, duration, time.time(), now)

    def _log(self, part: str, result: Result, reason: str) -> None:
        """Log a change at once, and a lasting problem once a minute."""
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
    """This process's examiner, by the current settings."""
    settings = get_settings()
    return _examiner_of(
        configured_directory(),
        settings.HEALTH_CHECK_TIMEOUT_MS / 1000,
        settings.HEALTH_TIMEOUT_MS / 1000,
        settings.HEALTH_SHARE_MS / 1000,
    )


@per_process
def _examiner_of(
    directory: Path, check_seconds: float, overall_seconds: float, share_seconds: float
) -> Examiner:
    return Examiner(directory, check_seconds, overall_seconds, share_seconds)
