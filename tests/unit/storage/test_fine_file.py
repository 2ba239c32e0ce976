"""Each slot has one file of fine histograms: an array for each (method, route), kept for ever."""

import errno
import json
from pathlib import Path

import pytest

from monitoring.metrics.request_families import HIGHR_BOUNDS
from monitoring.storage.directory import wipe_free_slots
from monitoring.storage.exemplars import owner_of
from monitoring.storage.fine_file import (
    COUNTS,
    LAYOUT,
    ROW_BYTES,
    ROWS_AT,
    FineFile,
    owner_of_fine,
    scan_rows,
)
from monitoring.storage.format import (
    FINE,
    HEADER_BYTES,
    MAX_FILE_BYTES,
    file_path,
    pack_used,
    parse_file_name,
)
from monitoring.storage.slot_file import SlotFile, open_slot_file
from monitoring.storage.slots import list_lock_files
from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

_COUNT = """
from monitoring.storage.fine_file import FineRow
from monitoring.storage.values import add_all
rows = {}
def count(route, bucket, times=1, method='GET'):
    row = rows.setdefault((method, route), FineRow(method, route))
    add_all((row[bucket], 1.0) for _ in range(times))
"""


def counted(directory: Path) -> dict[tuple[str, str, int], float]:
    """All counts that are not 0, by file, route and bucket."""
    found = {}
    for path in sorted(directory.glob("fine_*.bin")):
        file = open_slot_file(path, FineFile)
        assert file.cells is not None
        for key in tuple(file.keys()):
            index = file.position(key)
            assert index is not None
            for bucket in range(COUNTS):
                if file.cells[index + bucket]:
                    place = path.stem.removeprefix("fine_"), json.loads(key)[1], bucket
                    found[place] = file.cells[index + bucket]
        file.forget()
    return found


def add(file: SlotFile, route: str, bucket: int, count: float = 1.0) -> None:
    key = json.dumps(["GET", route])
    index = file.position(key)
    if index is None:
        index = file.append(key)
    assert file.cells is not None
    file.cells[index + bucket] += count


def test_a_row_has_a_count_for_each_fine_bucket() -> None:
    assert len(HIGHR_BOUNDS) + 1 == COUNTS
    assert ROW_BYTES % 8 == 0


def test_its_name_is_that_of_no_metric_file_and_no_lock(metrics_directory: Path) -> None:
    name = file_path(metrics_directory, FINE, "web-12").name
    (metrics_directory / name).touch()
    assert owner_of_fine(name) == "web-12"
    assert parse_file_name(name) is None
    assert owner_of(name) is None
    assert list_lock_files(metrics_directory) == []
    assert not name.endswith(".db")  # what the stock collector reads


def test_each_bucket_of_each_route_is_counted_in_its_place(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(_COUNT + "count('/a/', 0, 3)\ncount('/b/', 337)\ncount('/a/', 5)")
    assert counted(metrics_directory) == {
        ("web-0", "/a/", 0): 3,
        ("web-0", "/b/", 337): 1,
        ("web-0", "/a/", 5): 1,
    }


@pytest.mark.needs("signals")
def test_the_next_owner_of_the_slot_counts_on(
    run_python: RunPython, metrics_directory: Path
) -> None:
    for _ in range(2):
        run_python(_COUNT + "count('/a/', 7)\nos.kill(os.getpid(), signal.SIGKILL)")
    assert counted(metrics_directory) == {("web-0", "/a/", 7): 2}


@pytest.mark.needs("fork")
def test_a_forked_child_counts_in_its_own(run_python: RunPython, metrics_directory: Path) -> None:
    run_python(
        _COUNT
        + """
count('/a/', 1)
if os.fork() == 0:
    count('/a/', 1)
    os._exit(0)
os.wait()
count('/a/', 1)
"""
    )
    assert counted(metrics_directory) == {("web-0", "/a/", 1): 2, ("web-1", "/a/", 1): 1}


@pytest.mark.needs("moves")
def test_a_file_that_is_deleted_while_in_use_comes_back_with_its_counts(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        _COUNT
        + """
from monitoring.storage import values
count('/a/', 1, 5)
next(Path(os.environ['PROMETHEUS_MULTIPROC_DIR']).glob('fine_*')).unlink()
values.tend()
count('/a/', 1)
count('/b/', 2)
"""
    )
    assert counted(metrics_directory) == {("web-0", "/a/", 1): 6, ("web-0", "/b/", 2): 1}


def test_a_fresh_server_wipes_those_of_free_slots(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(_COUNT + "count('/a/', 1)")
    (metrics_directory / "fine_web-0.bin.damaged").touch()
    wipe_free_slots(metrics_directory)
    assert list(metrics_directory.glob("fine_*")) == []


def test_all_of_a_row_is_reserved_before_it_is_mapped(tmp_path: Path) -> None:
    path = file_path(tmp_path, FINE, "web-0")
    file = open_slot_file(path, FineFile)
    for number in range(1000):
        add(file, f"/{number}/", number % COUNTS)
    status = path.stat()
    assert status.st_blocks * 512 >= status.st_size >= ROWS_AT + 1000 * ROW_BYTES
    assert status.st_mode & 0o777 == 0o600
    assert pytest.approx(2816, rel=0.01) == (ROWS_AT + 1000 * ROW_BYTES) / 1000


def test_a_long_route_has_more_rows_and_the_same_counts(tmp_path: Path) -> None:
    path = file_path(tmp_path, FINE, "web-0")
    file = open_slot_file(path, FineFile)
    routes = [f"/{'x' * length}/" for length in (1, 80, 120, 2700, 2816, 9000)]
    for number, route in enumerate(routes):
        add(file, route, number, number + 1.0)
    file.forget()
    again = open_slot_file(path, FineFile)
    assert again.damage is None
    assert [json.loads(key)[1] for key in tuple(again.keys())] == routes
    for number, route in enumerate(routes):
        index = again.position(json.dumps(["GET", route]))
        assert index is not None
        assert again.cells is not None
        counts = again.cells[index : index + COUNTS].tolist()
        assert counts == [number + 1.0 if n == number else 0.0 for n in range(COUNTS)]


def test_without_room_for_a_row_the_route_is_dropped_and_the_others_go_on(tmp_path: Path) -> None:
    file = FineFile(-1)
    with pytest.raises(OSError, match="a metric file may not exceed") as caught:
        file._reserve(MAX_FILE_BYTES + 1)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (b"\xff\xff\xff\x7f", "the header claims"),
        (pack_used(ROWS_AT) + b"markFINEHST0", "the layout of another version"),
        (pack_used(HEADER_BYTES), "the layout of another version"),
        (pack_used(ROWS_AT + ROW_BYTES // 2), "is cut off"),
    ],
)
def test_a_damaged_or_foreign_file_is_set_aside_with_a_word(
    tmp_path: Path, damage: bytes, why: str
) -> None:
    path = file_path(tmp_path, FINE, "web-0")
    file = open_slot_file(path, FineFile)
    add(file, "/a/", 3)
    file.forget()
    content = damage + path.read_bytes()[len(damage) :]
    path.write_bytes(content)
    again = open_slot_file(path, FineFile)
    assert again.damage is not None
    assert why in again.damage
    assert path.with_name("fine_web-0.bin.damaged").read_bytes().startswith(content)
    assert path.read_bytes()[HEADER_BYTES:ROWS_AT] == LAYOUT


def test_a_damaged_row_costs_itself_and_what_follows_it(tmp_path: Path) -> None:
    path = file_path(tmp_path, FINE, "web-0")
    file = open_slot_file(path, FineFile)
    for route in ("/a/", "/b/", "/c/"):
        add(file, route, 3)
    file.forget()
    content = bytearray(path.read_bytes())
    content[ROWS_AT + ROW_BYTES : ROWS_AT + ROW_BYTES + 4] = b"\xff" * 4
    path.write_bytes(content)
    again = open_slot_file(path, FineFile)
    assert again.damage is not None
    assert list(map(json.loads, again.keys())) == [["GET", "/a/"]]


def test_rows_are_found_in_any_bytes_without_an_error() -> None:
    for data in (b"", b"\1", bytes(ROW_BYTES), b"\xff" * (2 * ROW_BYTES), b"\x7f" * ROW_BYTES):
        scan = scan_rows(data, 0, len(data))
        assert scan.entries == []
        assert (scan.damage is None) == (data == b"")


def test_the_fine_histogram_of_the_last_version_is_set_aside_and_other_counts_go_on(
    run_python: RunPython, metrics_directory: Path
) -> None:
    write = """
h = Histogram('http_request_duration_highr_seconds', 'F.', buckets=[2 ** (k / 16) for k in {ks}])
c = Counter('done', 'D.')
h.observe({seconds})
c.inc()
"""
    run_python(write.format(ks="range(-176, 113)", seconds=0.0003))
    run_python(write.format(ks="range(-224, 113)", seconds=0.0001))
    samples = stock_samples(metrics_directory)
    assert samples["http_request_duration_highr_seconds_count", ()] == 1
    assert samples["done_total", ()] == 2
    assert samples["monitoring_corrupt_files_total", ()] == 1
    assert (metrics_directory / "histogram_web-0.db.damaged").exists()
