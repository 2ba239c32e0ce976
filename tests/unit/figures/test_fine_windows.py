"""The fine counts of routes have windows: within 2 % of their age, in a bounded file."""

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.figures.fine_windows import (
    FINE,
    FINE_BOUNDS,
    MAX_BYTES,
    FineWindows,
    middle_quantiles,
)
from monitoring.figures.moments import Moment, SeriesTable, increase
from monitoring.figures.quantile import Buckets, middle_quantile
from monitoring.figures.ring_file import FINE_RING_FILE, start_afresh
from monitoring.figures.snapshots import Snapshots
from monitoring.figures.window import Window
from monitoring.merging.layout import Line, Values
from monitoring.merging.merge import shared_merger
from monitoring.storage.fine_file import COUNTS
from tests.unit.figures.conftest import CountRequests

DAY = 24 * 3600.0


def routes(count: int) -> SeriesTable:
    return SeriesTable(
        tuple(Line("fine_count", (("method", "GET"), ("route", f"/{n}/"))) for n in range(count))
    )


def filled(*rows: dict[int, float]) -> Values:
    values = np.zeros((len(rows), COUNTS))
    for row, counts in zip(values, rows, strict=True):
        for bucket, count in counts.items():
            row[bucket] = count
    return values


@settings(deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(0, COUNTS - 1), st.integers(0, 2**50)), max_size=5),
)
def test_counts_come_back_from_their_bytes(rows: Sequence[dict[int, float]]) -> None:
    values = filled(*rows)
    assert np.array_equal(FINE.unpack(FINE.pack(values), len(rows), None), values)
    chosen = np.array([len(rows) - 1, -1][: 2 if rows else 0], np.intp)
    found = FINE.unpack(FINE.pack(values), len(rows), chosen)
    assert np.array_equal(found, np.concatenate((values, filled({})))[chosen])


def test_counts_that_are_none_do_no_harm() -> None:
    values = filled({1: math.nan, 2: math.inf, 3: -5.0, 4: 7.0})
    found = FINE.unpack(FINE.pack(values), 1, None)
    assert found[0, 4] == 7
    assert found[0, 3] == 0
    assert np.isfinite(found).all()


def test_a_window_has_what_each_bucket_of_each_route_got_in_it(tmp_path: Path) -> None:
    ring = Snapshots(tmp_path, kind=FINE)
    two, three = routes(2), routes(3)
    ring.add(Moment(100.0, two, filled({5: 1.0}, {6: 2.0})))
    ring.add(Moment(105.0, two, filled({5: 4.0}, {6: 2.0, 7: 1.0})))
    now = Moment(110.0, three, filled({5: 9.0}, {6: 2.0, 7: 3.0}, {8: 1.0}))
    then, covered = ring.begin_of(5.0, now)
    assert covered == 5.0
    assert np.array_equal(increase(then, now), filled({5: 5.0}, {7: 2.0}, {8: 1.0}))
    then, covered = ring.begin_of(10.0, now)
    assert covered == 10.0
    assert np.array_equal(increase(then, now), filled({5: 8.0}, {7: 3.0}, {8: 1.0}))


def test_a_row_that_went_back_begins_anew_and_the_others_go_on(tmp_path: Path) -> None:
    ring = Snapshots(tmp_path, kind=FINE)
    ring.add(Moment(0.0, routes(2), filled({5: 100.0}, {6: 50.0})))
    ring.add(Moment(5.0, routes(2), filled({5: 3.0}, {6: 60.0})))
    now = Moment(10.0, routes(2), filled({5: 4.0}, {6: 61.0}))
    then, covered = ring.begin_of(3600.0, now)
    assert covered == 10.0
    assert np.array_equal(increase(then, now), filled({5: 4.0}, {6: 11.0}))


def test_snapshots_go_on_from_before_the_first_request(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    windows = FineWindows(metrics_directory)
    for _ in range(3):
        windows.take(shared_merger(metrics_directory).merge())
    count_requests([(200, 0.01)])
    for _ in range(2):
        windows.take(shared_merger(metrics_directory).merge())
    assert windows.increase(Window(0.001)).cumulative(0)[-1] == 0
    assert windows.increase(Window(None)).cumulative(0)[-1] == 1


@pytest.mark.parametrize("of_route", [2, 40], ids=["quiet", "busy"])
@pytest.mark.parametrize("number", [20, 400])
def test_a_day_of_many_routes_stays_bounded_and_windows_begin_nearly_where_they_should(
    tmp_path: Path, number: int, of_route: int
) -> None:
    chance = np.random.default_rng(1)
    series = routes(number)
    values = np.zeros((number, COUNTS))
    ring = Snapshots(tmp_path, kind=FINE)
    largest, time = 0, 0.0
    for step in range(1600):  # each minute, not each 5 s: as many remain
        time += 60.0
        busy = chance.integers(0, number, number // 4)
        values[busy, chance.integers(100, 100 + of_route, number // 4)] += step % 1000
        ring.add(Moment(time, series, values.copy()))
        largest = max(largest, (tmp_path / FINE_RING_FILE).stat().st_size)
    assert largest <= MAX_BYTES
    for seconds in (120.0, 3600.0, 6 * 3600.0, 23 * 3600.0):
        _, covered = ring.begin_of(seconds, Moment(time, series, values))
        assert covered == pytest.approx(seconds, rel=0.022, abs=31.0)


def test_the_distance_of_snapshots_grows_with_their_age(tmp_path: Path) -> None:
    ring = Snapshots(tmp_path, kind=FINE)
    series = routes(1)
    for step in range(5000):
        ring.add(Moment(5.0 * step, series, filled({5: float(step)})))
    now = Moment(5.0 * 5000, series, filled({5: 5000.0}))
    for seconds in (5, 30, 100, 250, 1000, 5000, 20_000):
        then, covered = ring.begin_of(float(seconds), now)
        assert covered is not None
        assert covered == pytest.approx(seconds, rel=0.022, abs=2.6)
        assert increase(then, now)[0, 5] == covered / 5  # what it says is what it has
    assert (tmp_path / FINE_RING_FILE).stat().st_size < 100_000


def test_the_window_of_a_directory_is_what_was_counted_since_the_snapshot(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    windows = FineWindows(metrics_directory)
    count_requests([(200, 0.0003), (200, 0.0003)])
    windows.take(shared_merger(metrics_directory).merge())
    count_requests([(200, 0.0003), (404, 0.9)])
    recent, whole = windows.increase(Window(0.001)), windows.increase(Window(None))
    assert recent.endpoints == whole.endpoints == (("GET", "/a/"),)
    assert recent.cumulative()[0, -1] == recent.cumulative(0)[-1] == 2
    assert whole.cumulative(0)[-1] == 4
    assert recent.covered_seconds is not None
    assert whole.covered_seconds is not None
    assert 0 <= recent.covered_seconds <= whole.covered_seconds < 60


def test_without_a_ring_only_all_time_is_known(
    metrics_directory: Path, count_requests: CountRequests
) -> None:
    count_requests([(200, 0.0003)])
    windows = FineWindows(metrics_directory)
    recent, whole = windows.increase(Window(300.0)), windows.increase(Window(None))
    assert (recent.covered_seconds, recent.cumulative(0)[-1]) == (0.0, 0)
    assert (whole.covered_seconds, whole.cumulative(0)[-1]) == (None, 1)


@pytest.mark.parametrize("q", [0.0, 0.5, 0.95, 1.0])
def test_quantiles_of_all_rows_are_those_of_each(q: float) -> None:
    chance = random.Random(2)
    values = filled(
        {},
        {0: 3.0},
        {0: 5.0, 10: 1.0},
        {COUNTS - 1: 1.0},
        *(
            {chance.randrange(COUNTS): float(chance.randrange(1, 50)) for _ in range(8)}
            for _ in range(30)
        ),
    )
    cumulative = values.cumsum(axis=1)
    expected = [middle_quantile(q, Buckets(FINE_BOUNDS, row.tolist())) for row in cumulative]
    found = middle_quantiles(q, cumulative).tolist()
    assert found == pytest.approx([0.0 if math.isnan(value) else value for value in expected])
