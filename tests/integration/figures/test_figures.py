"""The JSON's figures against a raw list of what every request really took."""

import math
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.load.client import Call, Load
from tests.servers.admin import ask, make_users
from tests.servers.gunicorn import run_gunicorn

REQUESTS = 5000
MILLISECOND = 1.0


def drawn_calls(seed: int) -> list[Call]:
    """Sleeps from a millisecond to a third of a second, most of them short, and some errors."""
    chance = random.Random(seed)
    calls = [
        Call("GET", f"/demo/slow/?ms={milliseconds}", "/demo/slow/", 200)
        for milliseconds in (
            min(300, max(1, round(chance.lognormvariate(1.6, 1.0)))) for _ in range(300)
        )
    ]
    return calls + [
        Call("GET", f"/demo/ok/?status={status}", "/demo/ok/", status)
        for status in (201, 400, 404, 418, 500, 503)
        for _ in range(8)
    ]


def nearest_rank(ordered: list[float], q: float) -> float:
    return ordered[max(math.ceil(q * len(ordered)), 1) - 1]


def test_each_figure_is_within_its_bound_of_the_raw_list(
    tmp_path: Path, shm_directory: Path
) -> None:
    raw = tmp_path / "raw-times"
    admin = make_users(tmp_path)["admin"]
    with run_gunicorn(
        tmp_path,
        "--threads=4",
        "--worker-class=gthread",
        directory=shm_directory,
        workers=2,
        DJANGO_SETTINGS_MODULE="tests.servers.raw_times_settings",
        RAW_TIMES=str(raw),
    ) as server:
        result = Load(server.address, drawn_calls(5), threads=8).start(REQUESTS).finish()
        assert result.total == REQUESTS
        summary = ask(server, admin, "/api/metrics/?window=5m")
        whole = ask(server, admin, "/api/metrics/?window=all")
    lines = [line.split() for line in raw.read_text().splitlines()]
    times = sorted(1000 * float(seconds) for seconds, _ in lines)
    statuses = Counter(status for _, status in lines)
    errors = sum(count for status, count in statuses.items() if status >= "400")
    server_errors = sum(count for status, count in statuses.items() if status >= "500")
    for answer in (summary, whole):
        assert answer["request_count"] == REQUESTS
        assert answer["error_count"] == errors
        assert answer["server_error_count"] == server_errors
        assert answer["status_codes"] == statuses
        assert answer["error_rate"] == pytest.approx(100 * errors / REQUESTS)
        assert answer["avg_response_time"] == pytest.approx(
            sum(times) / REQUESTS, rel=0.001, abs=MILLISECOND
        )
        for name, q in (
            ("min_response_time", 0.0),
            ("median_response_time", 0.5),
            ("p90_response_time", 0.9),
            ("p95_response_time", 0.95),
            ("p99_response_time", 0.99),
            ("max_response_time", 1.0),
        ):
            exact = nearest_rank(times, q)
            if answer[name] is None:  # shorter than the fine histogram tells
                assert name in answer["unavailable"], name
                assert exact <= 0.061 + MILLISECOND, (name, exact)
                continue
            assert abs(answer[name] - exact) <= 0.025 * exact + MILLISECOND, (name, exact)
    assert sum(endpoint["request_count"] for endpoint in summary["endpoints"]) == REQUESTS
    assert summary["requests_per_second"] == pytest.approx(
        REQUESTS / summary["window"]["covered_seconds"]
    )


def test_what_was_not_observed_is_null(tmp_path: Path, shm_directory: Path) -> None:
    admin = make_users(tmp_path)["admin"]
    with run_gunicorn(tmp_path, directory=shm_directory, workers=1) as server:
        summary = ask(server, admin)
    assert summary["request_count"] == 0
    assert {name for name, value in summary.items() if value is None} == {
        "error_rate",
        "server_error_rate",
        "active_sessions",
        "avg_response_time",
        "min_response_time",
        "max_response_time",
        "median_response_time",
        "p90_response_time",
        "p95_response_time",
        "p99_response_time",
        "fallback_reason",
    }
    assert summary["unavailable"] == {"active_sessions": "REDIS_URL is not set"}
    assert summary["in_progress"] == 0  # the request for it is not one of those
    assert summary["workers"] == {"configured": 1, "alive": 1, "busy": 0}
    assert summary["endpoints"] == summary["slow_requests"] == []
