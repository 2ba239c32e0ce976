"""A small file is whole or the old one, and no link or pipe leads its writer elsewhere."""

import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitoring.primitives.lock_files import locked
from monitoring.primitives.small_files import (
    CREATE,
    open_owned,
    read_bounded,
    read_json,
    replace_whole,
    write_json,
)
from tests.unit.conftest import RunPython


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: a write stops there, then fails."""
    import resource  # noqa: PLC0415  (Windows has none)

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_the_new_file_stands_in_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    replace_whole(path, b"first, and longer")
    inode = path.stat().st_ino
    replace_whole(path, b"second")
    assert path.read_bytes() == b"second"
    assert path.stat().st_ino != inode
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.needs("rlimits")
def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    replace_whole(path, b"old")
    with full_disk(1000), pytest.raises(OSError, match="File too large"):
        replace_whole(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_whole(tmp_path / "gone" / "facts.json", b"")


@pytest.mark.needs("fork")
def test_many_threads_and_processes_leave_one_whole_file(
    metrics_directory: Path, run_python: RunPython
) -> None:
    output = run_python(
        """
from monitoring.primitives.small_files import replace_whole
path = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "facts.json"
def write(number):
    for _ in range(50):
        replace_whole(path, bytes([number]) * 10_000)
def work(first):
    threads = [threading.Thread(target=write, args=(first + n,)) for n in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
children = []
for first in (0, 10, 20):
    child = os.fork()
    if child == 0:
        work(first)
        os._exit(0)
    children.append(child)
torn = 0
while children:
    if os.waitpid(children[0], os.WNOHANG)[0]:
        del children[0]
    if path.exists():
        data = path.read_bytes()
        torn += len(data) != 10_000 or len(set(data)) != 1
print(torn, sorted(p.name for p in path.parent.iterdir()))
"""
    )
    assert output.strip() == "0 ['facts.json']"


def test_drafts_that_killed_processes_left_go_and_one_being_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    dead, earlier_version, written, foreign = (
        tmp_path / name
        for name in ("facts.json.1.tmp", "facts.json.tmp", "facts.json.2.tmp", "other.json.1.tmp")
    )
    for draft in (dead, earlier_version, written, foreign):
        draft.touch()
    with locked(written):  # as its process does while it writes
        replace_whole(path, b"new")
    assert set(tmp_path.iterdir()) == {path, written, foreign}
    replace_whole(path, b"newer")
    assert set(tmp_path.iterdir()) == {path, foreign}


@pytest.mark.needs("rlimits")
def test_three_killed_writers_leave_room_for_the_fourth(
    tmp_path: Path, run_python: RunPython
) -> None:
    path = tmp_path / "facts.json"
    run_python(f"""
import resource
from monitoring.primitives.small_files import replace_whole
for _ in range(3):
    child = os.fork()
    if child == 0:  # the kernel kills it after ten bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        replace_whole(Path({str(path)!r}), b"a file of more than ten bytes")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGXFSZ
""")
    assert len(list(tmp_path.glob("*.tmp"))) == 1
    replace_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.needs("links")
def test_no_link_is_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "facts.json"
    draft = tmp_path / f"facts.json.{os.getpid()}.tmp"
    draft.symlink_to(victim)
    replace_whole(path, b"ours")  # the link at the draft's name goes
    assert path.read_bytes() == b"ours"
    assert victim.read_bytes() == b"precious"
    assert not draft.is_symlink()
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        read_bounded(path, 100)
    with pytest.raises(OSError, match="symbolic links"):
        open_owned(path)
    replace_whole(path, b"new")  # the link goes, not what it names
    assert victim.read_bytes() == b"precious"
    assert not path.is_symlink()


@pytest.mark.needs("pipes")
def test_reading_is_bounded_and_waits_for_no_pipe(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 5000)
    assert read_bounded(path, 1000) == b"x" * 1000
    assert read_bounded(path, 10_000) == b"x" * 5000
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_bounded(pipe, 10) == b""
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", 10)


def test_a_program_that_is_started_inherits_no_descriptor(tmp_path: Path) -> None:
    descriptor = open_owned(tmp_path / "file", CREATE)
    try:
        listing = subprocess.check_output(["ls", "-l", "/proc/self/fd"], text=True, close_fds=False)
        assert str(tmp_path) not in listing
    finally:
        os.close(descriptor)


@pytest.mark.needs("moves")
def test_readers_see_a_whole_file_while_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    replace_whole(path, b"0" * 1000)
    done = threading.Event()

    def read(_: int) -> set[bytes]:
        seen = set()
        while not done.is_set():
            data = read_bounded(path, 2000)
            seen.add(data if len(set(data)) != 1 or len(data) != 1000 else b"whole")
        return seen

    with ThreadPoolExecutor(2) as threads:
        reading = threads.map(read, range(2))
        for number in range(200):
            replace_whole(path, str(number % 10).encode() * 1000)
        done.set()
        assert set().union(*reading) <= {b"whole"}


def test_json_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_json(path, {"name": "é", "ports": [1, 2], "none": None})
    assert read_json(path, 1000) == {"name": "é", "ports": [1, 2], "none": None}


@pytest.mark.parametrize("data", [b"", b'{"cut": ', b"\xff\xfe\xfd", b"[" * 50_000])
def test_json_that_is_damaged_is_none(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(data)
    assert read_json(path, 100_000) is None


@pytest.mark.needs("links")
def test_json_that_is_missing_too_long_or_a_link_is_none(tmp_path: Path) -> None:
    path, link = tmp_path / "facts.json", tmp_path / "link.json"
    assert read_json(path, 1000) is None
    write_json(path, ["x" * 100])
    link.symlink_to(path)
    assert read_json(path, 50) is None
    assert read_json(link, 1000) is None
