"""Each route's percentiles are those of its requests: in JSON, over a window, in a Prometheus."""

import math
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monitoring.merging.fine_reader import FineReader
from tests.load.client import Call, Load
from tests.servers.admin import ask, make_users
from tests.servers.gunicorn import Gunicorn, is_dead, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import run_prometheus
from tests.servers.sleeping_site import ROUTES

REQUESTS = {"/sleep/0.2/": 400, "/sleep/1/": 300, "/sleep/5/": 150, "/sleep/50/": 60}
SLOWEST = {"/sleep/900/": 8}
PERCENTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}
JSON_ERROR = 0.025
# Prometheus interpolates inside of a bucket, so it may be wrong by the bucket's width.
PROMETHEUS_ERROR = 2 ** (1 / 16) - 1

Times = Mapping[str, tuple[list[float], list[float]]]  # by route: inside and outside, sorted


class Raw:
    """What the site wrote down of its requests since the last call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def times(self) -> Times:
        lines = self._path.read_text().splitlines()
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for line in lines[self._read :]:
            place, route, seconds = line.split()
            found[place, route].append(float(seconds))
        self._read = len(lines)
        return {
            route: (sorted(found["inside", route]), sorted(found["outside", route]))
            for route in ROUTES
        }


def nearest_rank(ordered: list[float], q: float) -> float:
    return ordered[max(math.ceil(q * len(ordered)), 1) - 1]


def assert_between(shown: Callable[[str, str], Any], times: Times, error: float) -> None:
    """Our time of a request is between the one inside of our middleware and the one outside."""
    for route, (inside, outside) in times.items():
        for name, q in PERCENTILES.items():
            seconds = shown(route, name)
            low, high = nearest_rank(inside, q), nearest_rank(outside, q)
            assert low * (1 - error) <= seconds <= high * (1 + error), (route, name, low, high)


def assert_points(series: Any, inside: list[float], outside: list[float]) -> None:
    """Each request is in one point of its route, and each point has times of this route alone."""
    busy = [point for point in series["points"] if point["status_classes"]]
    assert sum(point["status_classes"]["2xx"] for point in busy) == len(outside)
    assert sum(bar["count"] for bar in series["histogram"]) == len(outside)
    assert series["unavailable"] == {}
    for point in busy:
        times = [point[f"{name}_response_time"] / 1000 for name in PERCENTILES]
        assert times == sorted(times)
        assert inside[0] * (1 - JSON_ERROR) <= times[0] <= times[-1]
        assert times[-1] <= outside[-1] * (1 + JSON_ERROR)


def load(server: Gunicorn, times: int = 1) -> None:
    for routes in (REQUESTS, SLOWEST):
        for route, count in routes.items():
            call = Call("GET", f"{route}?times={times}", route, 200)
            done = Load(server.address, [call], threads=4).start(count).finish()
            assert (done.total, done.surprises) == (count, [])


def kill_a_worker(server: Gunicorn) -> None:
    """While nothing is asked: every request that was answered has been counted."""
    worker = server.workers()[0]
    os.kill(worker, signal.SIGKILL)
    wait_for("the worker's end", lambda: is_dead(worker))
    wait_for("its successor", lambda: len(server.workers()) == 4)


def test_percentiles_of_routes_are_right_wherever_they_are_shown(
    tmp_path: Path, shm_directory: Path
) -> None:
    admin = make_users(tmp_path)["admin"]
    raw_file = tmp_path / "raw"
    with (
        run_gunicorn(
            tmp_path,
            directory=shm_directory,
            DJANGO_SETTINGS_MODULE="tests.servers.sleeping_settings",
            RAW_TIMES=str(raw_file),
        ) as server,
        run_prometheus(
            tmp_path / "prometheus",
            [server.address],
            "--enable-feature=native-histograms",
        ) as prometheus,
    ):
        raw = Raw(raw_file)
        load(server, times=2)  # slower ones, which are not in the window
        earlier = raw.times()
        # A snapshot after them, which is the begin of the window.
        window = "/api/metrics/?window={}s"

        def taken() -> float | None:
            """When it was taken, in monotonic seconds."""
            answer = ask(server, admin, window.format(1))
            covered: float = answer["window"]["covered_seconds"]
            return None if answer["request_count"] else time.monotonic() - covered

        snapshot = wait_for("a snapshot", taken)
        kill_a_worker(server)
        load(server)
        kill_a_worker(server)
        recent = raw.times()
        counts = {route: len(outside) for route, (_, outside) in recent.items()}

        def counted(answer: Any) -> dict[str, int]:
            return {each["route"]: each["request_count"] for each in answer["endpoints"]}

        def of(answer: Any) -> Callable[[str, str], float]:
            by_route = {each["route"]: each for each in answer["endpoints"]}
            return lambda route, name: by_route[route][f"{name}_response_time"] / 1000

        # A window that should begin before the snapshot, and after the last one, begins with it.
        ask(server, admin)  # the first answer of a worker takes seconds
        since = ask(server, admin, window.format(math.ceil(time.monotonic() - snapshot) + 4))
        spans = since["window"]
        assert abs(spans["endpoints_covered_seconds"] - spans["covered_seconds"]) < 1
        assert counted(since) == counts
        assert_between(of(since), recent, JSON_ERROR)

        for route, (inside, outside) in recent.items():
            url = f"/api/metrics/series/?window={math.ceil(time.monotonic() - snapshot) + 4}s"
            series = ask(server, admin, f"{url}&method=GET&route={route}")
            assert_points(series, inside, outside)

        both = {
            route: (sorted(inside + recent[route][0]), sorted(outside + recent[route][1]))
            for route, (inside, outside) in earlier.items()
        }
        whole = ask(server, admin, "/api/metrics/?window=all&sort=p95&endpoints=5")
        assert counted(whole) == {route: len(outside) for route, (_, outside) in both.items()}
        assert_between(of(whole), both, JSON_ERROR)
        # On a busy machine, the order of the fast ones is theirs.
        slowest_first = [each["p95_response_time"] for each in whole["endpoints"]]
        assert slowest_first == sorted(slowest_first, reverse=True)
        fine = FineReader(shm_directory, lambda: None).read()
        assert dict(zip((r for _, r in fine.endpoints), fine.counts.sum(axis=1), strict=True)) == (
            counted(whole)
        )

        total = sum(counted(whole).values())
        name = "http_request_duration_seconds"
        wait_for(
            "all counts in Prometheus",
            lambda: prometheus.value(f"sum(histogram_count({name}))") == total,
        )
        assert prometheus.last_error() == ""
        # The rules' classic series are stored beside the native ones.
        assert prometheus.value(f"sum({name}_count)") == total
        assert prometheus.value(f'sum({name}_bucket{{le="+Inf"}})') == total

        def in_prometheus(route: str, percentile: str) -> float | None:
            series = f'{name}{{route="{route}"}}'
            return prometheus.value(f"histogram_quantile({PERCENTILES[percentile]}, {series})")

        assert_between(in_prometheus, both, PROMETHEUS_ERROR)
