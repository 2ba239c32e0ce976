"""Windows cut into the points of a chart."""

import itertools
import math
from pathlib import Path

import pytest

from monitoring.figures.intervals import (
    MOST_POINTS,
    Interval,
    classes_of,
    latency_histogram,
    points,
    step_for,
    unavailable,
)
from monitoring.figures.local_source import LocalSource
from monitoring.figures.quantile import Buckets
from monitoring.figures.request_figures import request_figures
from monitoring.figures.ring_file import start_afresh
from monitoring.figures.snapshots import Snapshots
from monitoring.figures.take_snapshot import take_snapshot
from monitoring.figures.window import Window
from tests.unit.figures.conftest import CountRequests
from tests.unit.figures.moments import moment, table

FINE = tuple(2 ** (k / 16) for k in range(-224, 113))


def buckets(*seconds: float) -> Buckets:
    bounds = (*FINE, math.inf)
    return Buckets(bounds, [sum(s <= bound for s in seconds) for bound in bounds])


@pytest.mark.parametrize("seconds", [1, 30, 300, 900, 3600, 6 * 3600, 86400, 365 * 86400])
@pytest.mark.parametrize("least", [5.0, 60.0])
def test_a_window_of_any_length_has_few_enough_points(seconds: float, least: float) -> None:
    step = step_for(seconds, least)
    assert step >= least
    assert seconds / step + 2 <= MOST_POINTS


def test_a_point_has_rates_classes_and_percentiles() -> None:
    counts = [("200", 6.0), ("204", 2.0), ("404", 1.0), ("500", 1.0), ("301", 0.0)]
    interval = Interval(100.0, 105.0, classes_of(counts), buckets(*[0.010] * 9, 1.0))
    assert points([interval]) == [
        {
            "time": 105.0,
            "seconds": 5.0,
            "requests_per_second": 2.0,
            "status_classes": {"2xx": 8, "4xx": 1, "5xx": 1},
            "error_rate": 20.0,
            "server_error_rate": 10.0,
            "median_response_time": pytest.approx(10, rel=0.022),
            "p95_response_time": pytest.approx(1000, rel=0.022),
            "p99_response_time": pytest.approx(1000, rel=0.022),
        }
    ]


def test_a_point_without_a_request_has_no_percentile_and_no_rate_of_errors() -> None:
    (point,) = points([Interval(0.0, 5.0, {}, Buckets((), ()))])
    assert point["requests_per_second"] == 0
    assert {name for name, value in point.items() if value is None} == {
        "error_rate",
        "server_error_rate",
        "median_response_time",
        "p95_response_time",
        "p99_response_time",
    }


def test_a_point_of_requests_shorter_than_the_histogram_tells_has_a_reason() -> None:
    short = Interval(0.0, 5.0, {"2xx": 9.0}, buckets(*[0.00005] * 9, 0.010))
    (point,) = points([short])
    assert point["median_response_time"] is None
    assert point["p99_response_time"] == pytest.approx(10, rel=0.022)
    reason = "under 0.061 ms, its lowest bucket"
    assert unavailable([short]) == {"median_response_time": reason}
    assert unavailable([Interval(0.0, 5.0, {}, Buckets((), ()))]) == {}


def test_the_histogram_loses_no_request_and_has_at_most_44_buckets() -> None:
    seconds = [0.00005, *(2 ** (k / 4) for k in range(-56, 28)), 129.0, 1e6]
    bars = latency_histogram(buckets(*seconds))
    assert sum(bar["count"] for bar in bars) == len(seconds)
    assert len(bars) <= 44
    assert (bars[0]["from_ms"], bars[-1]["to_ms"]) == (0, None)
    assert all(early["to_ms"] == late["from_ms"] for early, late in itertools.pairwise(bars))


def test_the_histogram_goes_from_the_first_request_to_the_last() -> None:
    bars = latency_histogram(buckets(0.010, 0.010, 0.100))
    assert [bar["count"] for bar in (bars[0], bars[-1])] == [2, 1]
    assert bars[0]["from_ms"] < 10 <= bars[0]["to_ms"]
    assert bars[-1]["from_ms"] < 100 <= bars[-1]["to_ms"]
    assert latency_histogram(buckets()) == latency_histogram(Buckets((), ())) == []


def test_snapshots_are_chosen_by_the_clock_so_that_points_stay_where_they_are(
    metrics_directory: Path,
) -> None:
    series = table("http_requests_total")
    snapshots = Snapshots(metrics_directory)
    for number in range(1, 101):
        snapshots.add(moment(1000.0 + 5 * number, series, float(number)))
    chosen = [found.time for found in snapshots.spread(1100.0, 60.0)]
    assert chosen == [1100.0, 1140.0, 1200.0, 1260.0, 1320.0, 1380.0, 1440.0, 1500.0]
    assert [found.time for found in snapshots.spread(1130.0, 60.0)][1:] == chosen[1:]


def test_the_points_of_a_host_add_up_to_the_summary(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    source = LocalSource(metrics_directory)
    for requests in ([(200, 0.010), (500, 1.0)], [(404, 0.030)], [(200, 0.010)]):
        count_requests(requests)
        take_snapshot(metrics_directory)
    found = source.intervals(Window(300))
    whole = request_figures(source.traffic(Window(300)))
    assert sum(sum(each.classes.values()) for each in found.intervals) == 4
    assert sum(each.classes.get("5xx", 0) for each in found.intervals) == 1
    assert sum(bar["count"] for bar in latency_histogram(found.duration)) == whole["request_count"]
    assert all(early.end == late.start for early, late in itertools.pairwise(found.intervals))
    assert found.step_seconds == 5


def test_without_snapshots_there_is_no_point_but_the_present(metrics_directory: Path) -> None:
    found = LocalSource(metrics_directory).intervals(Window(300))
    assert (list(found.intervals), found.covered_seconds) == ([], 0.0)
    assert latency_histogram(found.duration) == []
