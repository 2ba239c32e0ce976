"""The ring of snapshots: bounded, safe against crashes, and honest about what it covers."""

import gc
import os
import random
import weakref
from pathlib import Path

import numpy as np
import pytest

from monitoring.figures import ring_file
from monitoring.figures.moments import Moment, SeriesTable, increase
from monitoring.figures.ring_file import RING_FILE, start_afresh, start_record
from monitoring.figures.snapshots import Snapshots, SnapshotTooLargeError
from monitoring.merging.layout import Line
from tests.unit.figures.moments import moment, table

ONE = table("http_requests_total")
TWO = table("http_requests_total", "http_slow_requests_total")


def added(directory: Path, now: Moment, target: float) -> tuple[float, list[float]]:
    """Seconds covered by the window that begins at `target`, and what was added in it."""
    then = Snapshots(directory).nearest(target)
    assert then is not None
    return now.time - then.time, increase(then, now).tolist()


def test_a_window_is_the_difference_to_the_nearest_snapshot(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    for second in range(0, 100, 5):
        ring.add(moment(1000.0 + second, ONE, second))
    now = moment(1100.0, ONE, 100)
    assert added(metrics_directory, now, 1050.0) == (50.0, [50.0])
    assert added(metrics_directory, now, 1051.0) == (45.0, [45.0])  # the younger one: no more
    assert added(metrics_directory, now, 0.0) == (100.0, [100.0])


def test_without_snapshots_there_is_no_window(metrics_directory: Path) -> None:
    assert Snapshots(metrics_directory).nearest(0.0) is None
    assert Snapshots(metrics_directory).start() is None


def test_an_error_burst_is_out_of_a_five_minute_window_five_minutes_later(
    metrics_directory: Path,
) -> None:
    ring = Snapshots(metrics_directory)
    for step in range(160):
        ring.add(moment(step * 5.0, ONE, 0 if step < 100 else 40))  # the burst: at 497 s
    now = moment(797.0, ONE, 40)
    covered, (errors,) = added(metrics_directory, now, now.time - 300)
    assert errors == 0
    assert 290 <= covered <= 300


def test_counts_since_the_wipe_are_in_the_window_before_the_first_snapshot(
    metrics_directory: Path,
) -> None:
    start_afresh(metrics_directory, counters_began=True)
    start = Snapshots(metrics_directory).start()
    assert start is not None
    assert start.counters_began
    now = moment(start.time + 3, ONE, 7)
    assert added(metrics_directory, now, start.time - 300) == (3.0, [7.0])


def test_a_ring_on_counters_that_count_already_begins_with_them(metrics_directory: Path) -> None:
    Snapshots(metrics_directory).add(moment(50.0, ONE, 1000))
    now = moment(60.0, ONE, 1004)
    assert added(metrics_directory, now, 0.0) == (10.0, [4.0])
    start = Snapshots(metrics_directory).start()
    assert start is not None
    assert not start.counters_began


def test_a_series_that_is_new_counts_from_0(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    ring.add(moment(0.0, ONE, 5))
    ring.add(moment(5.0, TWO, 6, 2))
    assert added(metrics_directory, moment(10.0, TWO, 8, 3), 0.0) == (10.0, [3.0, 3.0])
    assert added(metrics_directory, moment(10.0, TWO, 8, 3), 5.0) == (5.0, [2.0, 1.0])


def test_counters_that_went_back_begin_a_new_ring(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    ring.add(moment(0.0, ONE, 100))
    ring.add(moment(5.0, ONE, 110))
    ring.add(moment(10.0, ONE, 4))
    assert added(metrics_directory, moment(12.0, ONE, 9), 0.0) == (7.0, [9.0])


def test_a_sum_that_rounds_otherwise_is_no_reset(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    ring.add(moment(0.0, ONE, 1.0))
    ring.add(moment(5.0, ONE, 0.1 + 0.2 + 0.3))
    ring.add(moment(10.0, ONE, 0.3 + 0.2 + 0.1))
    assert added(metrics_directory, moment(10.0, ONE, 0.6), 5.0)[1] == [pytest.approx(0, abs=1e-9)]


def test_other_boots_times_are_not_ours(metrics_directory: Path) -> None:
    Snapshots(metrics_directory, boot="another").add(moment(5.0, ONE, 1))
    assert Snapshots(metrics_directory, boot="another").nearest(5.0) is not None
    assert Snapshots(metrics_directory).nearest(5.0) is None


def test_the_first_snapshot_after_a_boot_begins_a_new_ring(metrics_directory: Path) -> None:
    Snapshots(metrics_directory, boot="another").add(moment(9000.0, ONE, 1))
    Snapshots(metrics_directory).add(moment(5.0, ONE, 3))
    assert added(metrics_directory, moment(9.0, ONE, 7), 0.0) == (4.0, [4.0])
    assert Snapshots(metrics_directory, boot="another").nearest(9000.0) is None


def test_a_day_and_more_of_4000_series_stays_bounded(metrics_directory: Path) -> None:
    chance = np.random.default_rng(1)
    series = SeriesTable(
        tuple(
            Line("http_requests_total", (("route", f"/shop/{i}/<int:pk>/"),)) for i in range(4000)
        )
    )
    values = np.zeros(4000)
    ring = Snapshots(metrics_directory)
    largest, time = 0, 0.0
    # Every 60 s instead of every 5 s, but as many records; one day is 1440 of them.
    for _ in range(1600):
        time += 60.0
        busy = chance.integers(0, 4000, 1500)
        values[busy] += chance.random(1500)  # sums do not compress as counts do
        ring.add(Moment(time, series, values.copy()))
        largest = max(largest, (metrics_directory / RING_FILE).stat().st_size)
    assert largest <= ring_file.MAX_BYTES
    then = Snapshots(metrics_directory).nearest(time - 24 * 3600)
    assert then is not None
    assert 23 * 3600 < time - then.time < 25 * 3600


def test_more_series_than_there_is_room_for_are_refused(metrics_directory: Path) -> None:
    chance = np.random.default_rng(1)
    series = table(*map(str, range(400_000)))
    with pytest.raises(SnapshotTooLargeError, match="400000"):
        Snapshots(metrics_directory).add(Moment(1.0, series, chance.random(400_000)))


@pytest.mark.parametrize("seed", range(20))
def test_damage_costs_the_records_it_touches_and_nothing_else(
    metrics_directory: Path, seed: int
) -> None:
    ring = Snapshots(metrics_directory)
    for second in range(0, 200, 5):
        ring.add(moment(second, ONE, second))
    path = metrics_directory / RING_FILE
    chance = random.Random(seed)
    data = bytearray(path.read_bytes())
    begin = len(start_record(0.0, counters_began=True)) + 150  # behind the start and the table
    for _ in range(3):
        data[chance.randrange(begin, len(data))] ^= 0xFF
    path.write_bytes(data)
    covered, (count,) = added(metrics_directory, moment(200.0, ONE, 200), 100.0)
    assert covered == count
    assert covered == pytest.approx(100.0, abs=20)


def test_a_writer_that_died_half_way_leaves_a_ring_that_goes_on(metrics_directory: Path) -> None:
    Snapshots(metrics_directory).add(moment(0.0, ONE, 1))
    path = metrics_directory / RING_FILE
    whole = path.stat().st_size
    Snapshots(metrics_directory).add(moment(5.0, ONE, 2))
    for size in range(whole, path.stat().st_size):
        os.truncate(path, size)
        assert added(metrics_directory, moment(9.0, ONE, 4), 5.0) == (9.0, [3.0])
        Snapshots(metrics_directory).add(moment(5.0, ONE, 2))
        assert added(metrics_directory, moment(9.0, ONE, 4), 5.0) == (4.0, [2.0])


def test_a_reader_follows_a_ring_that_is_rewritten(metrics_directory: Path) -> None:
    reader, writer = Snapshots(metrics_directory), Snapshots(metrics_directory)
    inodes = set()
    for second in range(0, 1000, 5):
        writer.add(moment(second, ONE, second))
        then = reader.nearest(second)
        assert then is not None
        assert then.values.tolist() == [second]
        inodes.add((metrics_directory / RING_FILE).stat().st_ino)
    assert len(inodes) > 1  # it was rewritten


def test_a_writer_keeps_a_few_layouts_however_many_there_were(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    layouts = []
    for number in range(200):
        layout = table("http_requests_total", f"layout_{number}_total")
        layouts.append(weakref.ref(layout))
        ring.add(moment(1000.0 + 5 * number, layout, float(number), 0.0))
        del layout
    gc.collect()
    assert sum(layout() is not None for layout in layouts) <= 20
    # The layouts that are not kept are read again.
    now = moment(2000.0, table("http_requests_total"), 200.0)
    assert added(metrics_directory, now, 1700.0) == (300.0, [60.0])
    then = ring.nearest(1700.0)
    assert then is not None
    assert increase(then, now).tolist() == [60.0]


def test_a_histogram_of_new_bounds_takes_no_other_count_with_it(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    old = table("http_requests_total", "wait_seconds_bucket", "wait_seconds_count")
    ring.add(moment(0.0, old, 1000.0, 900.0, 950.0))
    ring.add(moment(5.0, old, 1010.0, 3.0, 4.0))  # its file was set aside
    now = moment(9.0, old, 1011.0, 5.0, 6.0)
    assert added(metrics_directory, now, 0.0) == (9.0, [11.0, 5.0, 6.0])


def test_a_counter_that_is_gone_means_that_all_began_anew(metrics_directory: Path) -> None:
    ring = Snapshots(metrics_directory)
    ring.add(moment(0.0, TWO, 100.0, 3.0))
    ring.add(moment(5.0, ONE, 100.0))
    assert added(metrics_directory, moment(9.0, ONE, 101.0), 0.0) == (9.0, [101.0])
