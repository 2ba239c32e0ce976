"""Redis away: no request fails or waits for it, and the figures come back by themselves."""

import http.client
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.admin import User, ask, make_users
from tests.servers.gunicorn import SCRAPE, Gunicorn, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.redis import run_redis

SECONDS = 2.0  # of load for each figure


@dataclass
class _Times:
    """What a client measured, in milliseconds; `failed` are answers that were none."""

    milliseconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.milliseconds, n=100)[98]


@contextmanager
def load(server: Gunicorn, users: dict[str, User]) -> Iterator[_Times]:
    """Requests with sessions, some of them slow enough to leave details, one after another."""
    times = _Times()
    done = threading.Event()

    def work() -> None:
        cookies = [user.cookie for user in users.values()]
        number = 0
        while not done.is_set():
            number += 1
            connection = http.client.HTTPConnection(server.address, timeout=20)
            started = time.perf_counter()
            try:
                path = "/demo/ok/" if number % 20 else "/demo/slow/?ms=25"
                headers = {**cookies[number % len(cookies)], "Connection": "close"}
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    times.failed.append(str(response.status))
            except (OSError, http.client.HTTPException) as error:
                times.failed.append(repr(error))
            finally:
                connection.close()
            if number % 20:
                times.milliseconds.append(1000 * (time.perf_counter() - started))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield times
    finally:
        done.set()
        thread.join()


def measured(server: Gunicorn, users: dict[str, User]) -> _Times:
    with load(server, users) as times:
        time.sleep(SECONDS)
    assert times.failed == []
    assert len(times.milliseconds) > 50
    return times


def wait_for_sessions(server: Gunicorn, users: dict[str, User]) -> None:
    """All of them are active again as they go on asking: with a session or, the admin, a token."""
    admin = users["admin"]
    with load(server, users):
        wait_for("the sessions", lambda: ask(server, admin)["active_sessions"] == len(users) + 1)


def test_redis_stopped_paused_and_started_again_under_load(
    tmp_path: Path, shm_directory: Path
) -> None:
    users = make_users(tmp_path, others=20)
    admin = users["admin"]
    # Sessions are touched every second instead of every 30: each request may have work for Redis.
    (tmp_path / "eager_settings.py").write_text(
        "from project.settings import *\n"
        "from monitoring.instruments.requests import sessions\n"
        "sessions.TOUCH_SECONDS = 0.0\n"
        "MONITORING = {**MONITORING, 'SLOW_REQUEST_MS': 20}\n"
    )
    with (
        run_redis(tmp_path / "redis") as redis,
        run_gunicorn(
            tmp_path,
            directory=shm_directory,
            workers=2,
            REDIS_URL=redis.url,
            DJANGO_SETTINGS_MODULE="eager_settings",
            PYTHONPATH=str(tmp_path),
        ) as server,
    ):
        wait_for_sessions(server, users)
        # The best of three rounds: another process may take the processor in any of them.
        healthy, paused, stopped = [], [], []
        for _ in range(3):
            healthy.append(measured(server, users).p99)
            redis.signal(signal.SIGSTOP)
            paused.append(measured(server, users).p99)
            answer = ask(server, admin)
            assert answer["active_sessions"] is None
            assert answer["unavailable"]["active_sessions"] == "Redis does not answer"
            assert server.get(SCRAPE)[0] == 200
            redis.signal(signal.SIGCONT)
            redis.stop()
            stopped.append(measured(server, users).p99)
            assert ask(server, admin)["active_sessions"] is None
            redis.start()
            wait_for_sessions(server, users)
        # A request that waited for Redis would wait for its time limit: 100 ms and more.
        assert min(paused) < min(healthy) + 25
        assert min(stopped) < min(healthy) + 25
        assert ask(server, admin)["slow_requests"]
        assert "Traceback" not in server.log.read_text()
