"""The local source on a real metrics directory."""

import time
from pathlib import Path

import pytest

from monitoring.figures.local_source import LocalSource
from monitoring.figures.ranking import Ranking
from monitoring.figures.request_figures import request_figures
from monitoring.figures.ring_file import RING_FILE, start_afresh
from monitoring.figures.take_snapshot import take_snapshot
from monitoring.figures.window import Window
from tests.unit.conftest import RunPython
from tests.unit.figures.conftest import CountRequests


def test_a_window_has_its_own_figures_and_all_has_those_of_every_request(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    count_requests([(200, 0.010), (500, 1.0)])
    take_snapshot(metrics_directory)
    count_requests([(200, 0.020), (200, 0.020), (404, 0.030)])
    source = LocalSource(metrics_directory)
    whole, recent = (
        request_figures(source.traffic(Window(seconds), Ranking())) for seconds in (None, 0.001)
    )
    assert whole["status_codes"] == {"200": 3, "404": 1, "500": 1}
    assert whole["avg_response_time"] == pytest.approx(216)
    assert whole["max_response_time"] == pytest.approx(1000, rel=0.022)
    # The nearest snapshot to a millisecond ago is the only one: three requests since.
    assert recent["status_codes"] == {"200": 2, "404": 1}
    assert recent["min_response_time"] == pytest.approx(20, rel=0.022)
    assert recent["max_response_time"] == pytest.approx(30, rel=0.022)
    assert recent["endpoints"] == [
        {
            "route": "/a/",
            "method": "GET",
            "request_count": 3,
            "error_rate": pytest.approx(100 / 3),
            "status_codes": {"200": 2, "404": 1},
            "avg_response_time": pytest.approx(70 / 3),
            "min_response_time": pytest.approx(20, rel=0.022),
            "max_response_time": pytest.approx(30, rel=0.022),
            "median_response_time": pytest.approx(20, rel=0.022),
            "p90_response_time": pytest.approx(30, rel=0.022),
            "p95_response_time": pytest.approx(30, rel=0.022),
            "p99_response_time": pytest.approx(30, rel=0.022),
            **dict.fromkeys(("db_share", "cache_share", "outgoing_share"), 0),
            "queries_per_request": 0,
            "unavailable": {},
        }
    ]


SPEND = """
import django
from django.conf import settings
settings.configure()
django.setup()
from monitoring.metrics.cache_families import cache_metrics
from monitoring.metrics.database_families import database_metrics
from monitoring.metrics.request_families import http_metrics
metrics = http_metrics()
for seconds in {times}:
    metrics.requests.labels("GET", "/b/", "200").inc()
    metrics.duration.labels("GET", "/b/").observe(seconds)
    metrics.duration_highr.observe(seconds)
    metrics.db_seconds.labels("GET", "/b/").inc(seconds / 4)
    metrics.db_queries.labels("GET", "/b/").inc(3)
    database_metrics().duration_highr.observe(seconds / 2)
    cache_metrics().seconds.labels("default").inc(seconds / 8)
"""


def test_a_window_has_its_own_shares_and_its_own_time_outside_requests(
    metrics_directory: Path, run_python: RunPython
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    run_python(SPEND.format(times=[8.0]))
    take_snapshot(metrics_directory)
    run_python(SPEND.format(times=[0.1, 0.3]))
    source = LocalSource(metrics_directory)
    recent = request_figures(source.traffic(Window(0.001), Ranking("db")))
    (endpoint,) = recent["endpoints"]
    assert (endpoint["route"], endpoint["request_count"]) == ("/b/", 2)
    assert endpoint["db_share"] == pytest.approx(0.25)
    assert (endpoint["cache_share"], endpoint["queries_per_request"]) == (0, 3)
    assert recent["time_spent"]["db"] == pytest.approx(
        {"share": 0.25, "in_requests_ms": 100, "outside_requests_ms": 100}
    )
    assert recent["time_spent"]["cache"]["outside_requests_ms"] == pytest.approx(50)


def test_a_clock_step_does_not_spoil_a_window(
    metrics_directory: Path, count_requests: CountRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    count_requests([(200, 0.010)])
    real = time.time
    for step in (86400.0, -86400.0, 0.0):
        monkeypatch.setattr(time, "time", lambda step=step: real() + step)
        take_snapshot(metrics_directory)
        traffic = LocalSource(metrics_directory).traffic(Window(300))
        assert traffic.duration.total == 1
        assert traffic.covered_seconds is not None
        assert 0 < traffic.covered_seconds < 60


def test_without_a_ring_nothing_is_known_but_all(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    count_requests([(200, 0.01)])
    assert not (metrics_directory / RING_FILE).exists()
    source = LocalSource(metrics_directory)
    recent = source.traffic(Window(300))
    assert (recent.covered_seconds, sum(recent.requests.values())) == (0.0, 0.0)
    whole = source.traffic(Window(None))
    assert (whole.covered_seconds, sum(whole.requests.values())) == (None, 1.0)
