"""Details of slow requests: of all workers, bounded, and never the query, headers or body."""

import http.client
import json
from pathlib import Path
from typing import Any

from monitoring.instruments.requests.slow_request_file import FILE, PLACE_BYTES, PLACES
from tests.load.client import Call, Load
from tests.servers.admin import User, ask, make_users
from tests.servers.gunicorn import Gunicorn, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.redis import run_redis

SECRET = "secret-in-the-query"


def slow_settings(work: Path) -> dict[str, str]:
    """The reference project, where 20 ms are slow."""
    (work / "slow_test_settings.py").write_text(
        "from project.settings import *\nMONITORING = {**MONITORING, 'SLOW_REQUEST_MS': 20}\n"
    )
    return {"DJANGO_SETTINGS_MODULE": "slow_test_settings", "PYTHONPATH": str(work)}


def call(server: Gunicorn, path: str, **headers: str) -> None:
    connection = http.client.HTTPConnection(server.address, timeout=20)
    try:
        sent = {"Connection": "close", "X-Secret": SECRET, **headers}
        connection.request("POST", path, SECRET, sent)
        connection.getresponse().read()
    finally:
        connection.close()


def slow_requests(server: Gunicorn, admin: User) -> Any:
    return ask(server, admin)["slow_requests"]


def check_last_ten(server: Gunicorn, admin: User) -> None:
    for number in range(12):
        call(
            server,
            f"/demo/slow/?ms={30 + number}&token={SECRET}",
            **{"X-Request-ID": f"id-{number}"},
        )
    expected = [f"id-{number}" for number in range(11, 1, -1)]
    found = wait_for(
        "the last ten",  # each worker writes its own a little later
        lambda: [
            s for s in [slow_requests(server, admin)] if expected == [r["request_id"] for r in s]
        ],
    )[0]
    last = found[0]
    assert (last["method"], last["route"], last["path"], last["status"]) == (
        "POST",
        "/demo/slow/",
        "/demo/slow/",
        200,
    )
    assert 41 <= last["duration_ms"] < 5000
    assert ask(server, admin, "/api/metrics/?window=5m")["slow_requests_count"] >= 12
    assert SECRET not in json.dumps(ask(server, admin))


def test_without_redis_they_are_in_a_bounded_file(tmp_path: Path, shm_directory: Path) -> None:
    admin = make_users(tmp_path)["admin"]
    with run_gunicorn(
        tmp_path, directory=shm_directory, workers=3, **slow_settings(tmp_path)
    ) as server:
        check_last_ten(server, admin)
        slow = [Call("GET", f"/demo/slow/?ms=21&token={SECRET}", "/demo/slow/", 200)]
        Load(server.address, slow, threads=6).start(300).finish()
        file = shm_directory / FILE
        wait_for("the file", lambda: file.stat().st_size == PLACES * PLACE_BYTES)
        assert SECRET.encode() not in file.read_bytes()


def test_with_redis_they_are_in_a_capped_stream(tmp_path: Path, shm_directory: Path) -> None:
    admin = make_users(tmp_path)["admin"]
    with (
        run_redis(tmp_path / "redis") as redis,
        run_gunicorn(
            tmp_path,
            directory=shm_directory,
            workers=3,
            REDIS_URL=redis.url,
            **slow_settings(tmp_path),
        ) as server,
    ):
        check_last_ten(server, admin)
        slow = [Call("GET", f"/demo/slow/?ms=21&token={SECRET}", "/demo/slow/", 200)]
        Load(server.address, slow, threads=6).start(150).finish()
        with redis.client() as client:
            wait_for("the stream", lambda: client.xlen("monitoring:slow_requests") == 100)
            assert SECRET not in repr(client.xrange("monitoring:slow_requests"))
        assert not (shm_directory / FILE).exists()
        redis.stop()
        call(server, "/demo/slow/?ms=30", **{"X-Request-ID": "while-redis-was-away"})
        wait_for(
            "the file in its place",
            lambda: "while-redis-was-away" in json.dumps(slow_requests(server, admin)),
        )
