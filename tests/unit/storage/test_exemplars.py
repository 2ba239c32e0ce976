"""Each process has an exemplar file of its own: fixed in size, kept for the slot's next owner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.metrics.request_families import HIGHR_BOUNDS
from monitoring.storage.directory import wipe_free_slots
from monitoring.storage.exemplars import (
    DIRECT_RECORDS,
    FILE_BYTES,
    HEADER_BYTES,
    MAGIC,
    exemplar_file_name,
    open_exemplar_file,
    owner_of,
)
from monitoring.storage.format import parse_file_name
from monitoring.storage.slots import Slot, list_lock_files, take
from tests.servers.exposition import series
from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

# Each process says who it is in record 0, in place of a digest.
_PUT = """
from monitoring.storage import values
from monitoring.storage.exemplars import Place, Trace
def put(text):
    values.put_exemplars([Place(0, text.encode().ljust(16))], Trace(b"t" * 16, b"s" * 8), 0.5, 1.0)
"""


def said(directory: Path) -> dict[str, str]:
    """What stands in record 0 of each exemplar file."""
    return {
        path.name: path.read_bytes()[HEADER_BYTES : HEADER_BYTES + 16].decode().strip(" \0")
        for path in sorted(directory.glob("exemplars_*"))
    }


@pytest.fixture
def slot(metrics_directory: Path) -> Iterator[Slot]:
    taken = take(metrics_directory, "web")
    yield taken
    taken.forget()


def test_the_table_has_a_record_for_each_fine_bucket() -> None:
    assert len(HIGHR_BOUNDS) + 1 == DIRECT_RECORDS


def test_its_name_is_that_of_no_metric_file_and_no_lock(metrics_directory: Path) -> None:
    name = exemplar_file_name("web-12")
    (metrics_directory / name).touch()
    assert owner_of(name) == "web-12"
    assert parse_file_name(name) is None
    assert list_lock_files(metrics_directory) == []
    assert not name.endswith(".db")  # what the stock collector reads
    assert [owner_of(other) for other in ("counter_web-0.db", "web-0.lock")] == [None, None]


def test_all_of_it_is_reserved_before_it_is_mapped(metrics_directory: Path) -> None:
    path = metrics_directory / "exemplars_web-0.bin"
    open_exemplar_file(path)
    status = path.stat()
    assert status.st_size == FILE_BYTES
    assert status.st_blocks * 512 >= FILE_BYTES
    assert status.st_mode & 0o777 == 0o600


def test_the_next_owner_keeps_what_is_there(metrics_directory: Path) -> None:
    path = metrics_directory / "exemplars_web-0.bin"
    first = open_exemplar_file(path)
    first.put(0, b"x" * 64)
    first.forget()
    open_exemplar_file(path).put(1, b"y" * 64)
    assert path.read_bytes()[HEADER_BYTES:].startswith(b"x" * 64 + b"y" * 64)


@pytest.mark.parametrize(
    "content", [b"hello", MAGIC, b"OLDMAGIC".ljust(FILE_BYTES), MAGIC.ljust(FILE_BYTES + 1)]
)
def test_a_file_of_another_layout_is_replaced(metrics_directory: Path, content: bytes) -> None:
    path = metrics_directory / "exemplars_web-0.bin"
    path.write_bytes(content)
    open_exemplar_file(path)
    assert path.read_bytes() == MAGIC.ljust(FILE_BYTES, b"\0")


@pytest.mark.needs("links")
def test_a_link_is_not_followed(metrics_directory: Path) -> None:
    target = metrics_directory / "precious"
    target.write_text("precious")
    path = metrics_directory / "exemplars_web-0.bin"
    path.symlink_to(target)
    with pytest.raises(OSError, match="exemplars_web-0"):
        open_exemplar_file(path)
    assert target.read_text() == "precious"


def test_a_process_without_exemplars_makes_no_file(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python("Counter('c', 'C.').inc()\nstorage.attach()")
    assert said(metrics_directory) == {}


@pytest.mark.needs("fork")
def test_a_forked_child_writes_to_its_own(run_python: RunPython, metrics_directory: Path) -> None:
    run_python(
        _PUT
        + """
put('parent')
child = os.fork()
if child == 0:
    put('child')
    os._exit(0)
os.waitpid(child, 0)
"""
    )
    assert said(metrics_directory) == {
        "exemplars_web-0.bin": "parent",
        "exemplars_web-1.bin": "child",
    }


@pytest.mark.needs("fork")
def test_a_child_that_leaves_does_not_take_the_parents_file_away(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        _PUT
        + """
put('before')
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
put('after')
"""
    )
    assert said(metrics_directory) == {"exemplars_web-0.bin": "after"}


def test_a_fresh_server_wipes_those_of_free_slots_only(
    run_python: RunPython, metrics_directory: Path, slot: Slot
) -> None:
    run_python(_PUT + "put('dead')")  # web-1, as web-0 is taken
    (metrics_directory / exemplar_file_name(slot.name)).touch()
    assert len(said(metrics_directory)) == 2
    wipe_free_slots(metrics_directory)
    assert list(said(metrics_directory)) == [exemplar_file_name(slot.name)]


@pytest.mark.needs("moves")
def test_a_file_or_directory_deleted_while_in_use_comes_back(
    run_python: RunPython, metrics_directory: Path
) -> None:
    output = run_python(
        _PUT
        + """
import shutil
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
path = directory / 'exemplars_web-0.bin'
Counter('c', 'C.').inc()
for number, delete in enumerate((path.unlink, lambda: shutil.rmtree(directory))):
    put('before')
    delete()
    put('into the deleted one')
    values.tend()
    put(f'again {number}')
    print(path.read_bytes()[64:80].decode().strip())
"""
    )
    assert output == "again 0\nagain 1\n"
    assert said(metrics_directory) == {"exemplars_web-0.bin": "again 1"}


def test_one_that_cannot_be_made_is_asked_for_again_after_a_second(
    run_python: RunPython, metrics_directory: Path
) -> None:
    """Until then each exemplar is dropped and counted; counters are not touched by it."""
    output = run_python(
        _PUT
        + """
import logging
logging.basicConfig(stream=sys.stdout, format='%(message)s')
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
(directory / 'exemplars_web-0.bin').mkdir()
for _ in range(100):
    put('dropped')
    Counter(f'c{_}', 'C.').inc()
(directory / 'exemplars_web-0.bin').rmdir()
time.sleep(1.1)
put('written')
"""
    )
    assert output.count("exemplars are dropped") == 1
    samples = stock_samples(metrics_directory)
    assert samples[series("monitoring_dropped_total", reason="directory")] == 100
    assert [samples[f"c{number}_total", ()] for number in range(100)] == [1] * 100
    assert said(metrics_directory) == {"exemplars_web-0.bin": "written"}


@pytest.mark.needs("signals")
def test_a_signal_handler_may_leave_one(run_python: RunPython, metrics_directory: Path) -> None:
    run_python(
        _PUT
        + """
c = Counter('c', 'C.', ['n'])
calls = [0]
def handler(*_):
    calls[0] += 1
    put(f'handler')
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 0.5
n = 0
while time.monotonic() < end:
    c.labels(n % 5000).inc()
    put('main')
    n += 1
signal.setitimer(signal.ITIMER_REAL, 0)
assert calls[0] > 50
put('end')
"""
    )
    assert said(metrics_directory) == {"exemplars_web-0.bin": "end"}
