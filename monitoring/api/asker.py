"""Finds out within a deadline whether an admin asks a public endpoint, and never fails.

Who asks is looked up in a thread, on connections of its own: a session store, a database or a
server of tokens that hangs can delay the answer no further than the deadline.
"""

from collections.abc import Callable
from time import monotonic

from django.http import HttpRequest

from monitoring.alerts.admins import is_admin
from monitoring.backing_services.database_probe import close_all, unmeasured
from monitoring.conf import get_settings
from monitoring.conf.api_extra import has_api
from monitoring.primitives.deadline import NoThreadError, Runs, StillRunningError
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger
from monitoring.primitives.per_process import per_process

_PATIENCE_SECONDS = 0.25  # for the look-up of another request: there is one at a time

logger = OwnLogger("monitoring.health")


class Asker:
    """This process's look-ups, one at a time. After one that was late, there is a pause."""

    def __init__(self) -> None:
        self._runs: Runs[bool] = Runs()
        self._paused_until = float("-inf")
        self._log_limit = LogLimit()

    def is_admin(self, request: HttpRequest, deadline: float) -> bool:
        """False by `deadline` (monotonic seconds) if it is not known by then, or on any error."""
        now = monotonic()
        if not _has_credentials(request) or now < self._paused_until or now >= deadline:
            return False
        try:
            run = self._runs.start(
                "admin",
                lambda: _look_up(request),
                name="monitoring-asker",
                afterwards=close_all,
                patience_until=min(now + _PATIENCE_SECONDS, deadline),
            )
        except (StillRunningError, NoThreadError):
            return False
        if not run.wait(deadline):
            self._paused_until = monotonic() + get_settings().HEALTH_SHARE_MS / 1000
            self._log("no answer in time")
            return False
        if run.error is not None:
            if getattr(run.error, "status_code", 500) >= 500:  # else the credentials are no good
                self._log(type(run.error).__name__)
            return False
        return run.value()

    def _log(self, reason: str) -> None:
        if self._log_limit.passes("asker"):
            logger.warning("who asks is not known, so the answer is the public's: %s", reason)


@per_process
def asker() -> Asker:
    return Asker()


def _has_credentials(request: HttpRequest) -> bool:
    return bool(request.COOKIES) or "Authorization" in request.headers


def _look_up(request: HttpRequest) -> bool:
    unmeasured.set(True)  # of this thread alone
    find: Callable[[HttpRequest], object] = _user
    if "Authorization" in request.headers and has_api():
        find = _user_of_token
    return is_admin(find(request))


def _user(request: HttpRequest) -> object:
    return getattr(request, "user", None)


def _user_of_token(request: HttpRequest) -> object:
    """As the endpoints for admins find their user; AuthenticationFailed if the token is no good."""
    # A worker that gets no token saves Django REST framework's memory.
    from monitoring.api.base import AdminView  # noqa: PLC0415

    return AdminView().initialize_request(request).user
