"""The points of one endpoint: its requests and its times, each interval's of the same moments."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from monitoring.figures.cuts import cut
from monitoring.figures.fine_windows import FINE, counts_between
from monitoring.figures.intervals import (
    MOST_POINTS,
    Interval,
    latency_histogram,
    points,
    unavailable,
)
from monitoring.figures.local_source import LocalSource
from monitoring.figures.moments import Moment, SeriesTable
from monitoring.figures.quantile import Buckets
from monitoring.figures.ranking import Selection
from monitoring.figures.ring_file import start_afresh
from monitoring.figures.snapshots import Snapshots
from monitoring.figures.take_snapshot import take_snapshot
from monitoring.figures.window import Window
from monitoring.merging.layout import Values
from monitoring.storage.fine_file import COUNTS
from tests.unit.figures.conftest import CountRequests
from tests.unit.figures.moments import line

A = Selection("GET", "/a/")
DAY = 24 * 3600.0
SERIES = SeriesTable(
    tuple(
        line(name, method="GET", route=route)
        for name in ("fine_count", "http_requests_total")
        for route in ("/a/", "/b/")
    )
)
OF_A = SeriesTable(SERIES.lines[::2])


def counted(of_a: float, of_b: float, *, bucket: int = 100) -> Values:
    """So many requests of both routes, all 2xx and of the same time."""
    values = np.zeros((4, COUNTS))
    values[:2, bucket] = values[2:, 2] = of_a, of_b
    return values


def test_an_endpoint_has_its_own_points_and_they_add_up(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    source = LocalSource(metrics_directory)
    count_requests([(200, 0.0003), (200, 0.0003), (500, 0.1)])
    count_requests([(200, 2.0)] * 5, route="/b/")
    take_snapshot(metrics_directory)
    count_requests([(404, 0.050)])
    found = source.intervals(Window(300), A)
    assert sum(sum(each.classes.values()) for each in found.intervals) == 4
    assert sum(bar["count"] for bar in latency_histogram(found.duration)) == 4
    first, last = (
        points(found.intervals)[0],
        points(source.intervals(Window(0.001), A).intervals)[-1],
    )
    assert first["median_response_time"] == pytest.approx(0.3, rel=0.022)
    assert first["p99_response_time"] == pytest.approx(100, rel=0.022)
    assert last["status_classes"] == {"4xx": 1}
    assert last["error_rate"] == 100
    assert last["p95_response_time"] == pytest.approx(50, rel=0.022)
    assert unavailable(found.intervals) == {}
    both = source.intervals(Window(300), Selection(method="GET"))
    assert sum(sum(each.classes.values()) for each in both.intervals) == 9


def test_an_endpoint_that_nobody_asked_for_is_not_known(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    count_requests([(200, 0.1)])
    take_snapshot(metrics_directory)
    source = LocalSource(metrics_directory)
    for selection in (Selection("POST", "/a/"), Selection(route="/c/")):
        found = source.intervals(Window(300), selection)
        assert (found.is_known, len(found.intervals)) == (False, 0)
        assert latency_histogram(found.duration) == []
    assert source.intervals(Window(300), A).is_known


@pytest.mark.parametrize("seconds", [60.0, 900.0, 3600.0, 6 * 3600.0, DAY])
def test_requests_and_times_of_an_interval_agree_however_thin_the_snapshots_are(
    tmp_path: Path, seconds: float
) -> None:
    ring = Snapshots(tmp_path, kind=FINE)
    for step in range(2500):
        ring.add(Moment(35.0 * step, SERIES, counted(7.0 * step, 1e6 * step)))
    now = Moment(35.0 * 2500, OF_A, counted(7.0 * 2500, 0.0)[::2])
    found = cut(ring, Window(seconds), now, counts_between)
    assert found.covered_seconds == pytest.approx(seconds, rel=0.022, abs=35.0)
    assert now.time - found.parts[0][0] == found.covered_seconds
    assert found.parts[-1][1] == now.time
    assert all(early[1] == late[0] for early, late in itertools.pairwise(found.parts))
    assert 1 <= len(found.parts) < MOST_POINTS
    for start, end, (classes, times) in found.parts:
        assert classes == {"2xx": times.total} == {"2xx": 7.0 * (end - start) / 35.0}
    classes, times = found.whole
    assert times.total == classes["2xx"] == sum(part[2][1].total for part in found.parts)


def test_times_that_were_set_aside_leave_the_requests_as_they_are(tmp_path: Path) -> None:
    ring = Snapshots(tmp_path, kind=FINE)
    ring.add(Moment(100.0, SERIES, counted(50.0, 50.0)))
    begun = counted(54.0, 50.0)
    begun[0] = 0.0  # of /a/, all times are lost but those of the last 3 requests
    begun[0, 100] = 3.0
    ring.add(Moment(105.0, SERIES, begun))
    now = Moment(110.0, OF_A, begun[::2])
    ((_, _, (classes, times)), *_) = cut(ring, Window(3600), now, counts_between).parts
    assert (classes, times.total) == ({"2xx": 4.0}, 3.0)


def test_a_point_whose_times_were_not_kept_says_so(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    count_requests([(200, 0.1)])
    for path in metrics_directory.glob("fine_*"):
        path.unlink()
    found = LocalSource(metrics_directory).intervals(Window(300), A)
    (point,) = points(found.intervals)
    assert (point["status_classes"], point["p95_response_time"]) == ({"2xx": 1}, None)
    assert unavailable(found.intervals)["p95_response_time"] == "no time of these requests is known"


def test_points_of_classic_buckets_are_interpolated_as_in_prometheus() -> None:
    buckets = Buckets((0.1, 0.5, float("inf")), (0.0, 10.0, 10.0))
    (point,) = points([Interval(0.0, 5.0, {"2xx": 10.0}, buckets)], is_fine=False)
    assert point["median_response_time"] == pytest.approx(300)
    (bar,) = latency_histogram(buckets)
    assert bar == {"from_ms": 100, "to_ms": 500, "count": 10}
