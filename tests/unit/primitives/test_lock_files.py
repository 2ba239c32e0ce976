"""A lock is free when its holder is dead, and a holder that was stopped keeps nobody for ever."""

import os
import threading
from pathlib import Path

import pytest

from monitoring.primitives.lock_files import close_lock, is_locked, lock_now, locked, open_lock
from monitoring.primitives.platform import files
from tests.unit.conftest import RunPython


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def try_lock(path: Path, *, create: bool = True) -> int | None:
    descriptor = open_lock(path, create=create)
    if lock_now(descriptor):
        return descriptor
    close_lock(descriptor)
    return None


def test_one_holds_it_and_the_next_one_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = try_lock(path)
    assert first is not None
    assert is_locked(path)
    assert try_lock(path) is None
    close_lock(first)
    assert not is_locked(path)
    second = try_lock(path, create=False)
    assert second is not None
    close_lock(second)


def test_a_lock_that_is_only_looked_for_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(FileNotFoundError):
        try_lock(path, create=False)
    with pytest.raises(FileNotFoundError):
        is_locked(path)
    close_lock(open_lock(path))
    assert path.exists()
    assert not is_locked(path)


@pytest.mark.needs("proc")
def test_who_waits_with_a_deadline_gets_an_error_and_leaves_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "a"
    holder = try_lock(path)
    assert holder is not None
    before = descriptors()
    for _ in range(5):
        with pytest.raises(BlockingIOError), locked(path, 0.01):
            pass
        assert try_lock(path) is None
    assert descriptors() == before
    close_lock(holder)
    with locked(path, 0.01) as descriptor:
        os.pwrite(descriptor, b"ours", 0)
    assert path.read_bytes() == b"ours"


def test_who_waits_without_one_goes_on_when_the_holder_has_gone(tmp_path: Path) -> None:
    path, entered = tmp_path / "a", threading.Event()
    holder = try_lock(path)
    assert holder is not None

    def enter() -> None:
        with locked(path):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    close_lock(holder)
    assert entered.wait(30)
    thread.join(30)


def test_an_error_under_the_lock_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(ZeroDivisionError), locked(path):
        _ = 1 / 0
    assert not is_locked(path)


def test_many_threads_write_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def add() -> None:
        for _ in range(50):
            with locked(path, 30) as descriptor:
                number = int(files.read_at(descriptor, 10, 0) or 0)
                files.write_at(descriptor, str(number + 1).encode(), 0)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() == b"400"


@pytest.mark.needs("signals")
def test_a_killed_holder_holds_no_more(metrics_directory: Path, run_python: RunPython) -> None:
    run_python(
        """
from monitoring.primitives.lock_files import close_lock, lock_now, open_lock
assert lock_now(open_lock(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "a.lock"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    assert not is_locked(metrics_directory / "a.lock")


@pytest.mark.needs("fork")
def test_a_child_that_closes_its_copy_frees_nothing(
    metrics_directory: Path, run_python: RunPython
) -> None:
    output = run_python(
        """
from monitoring.primitives.lock_files import close_lock, is_locked, lock_now, open_lock
path = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "a.lock"
descriptor = open_lock(path)
assert lock_now(descriptor)
if os.fork() == 0:
    close_lock(descriptor)
    os._exit(0)
os.wait()
print(is_locked(path))
"""
    )
    assert output.strip() == "True"


@pytest.mark.needs("fork")
def test_a_child_forked_at_any_moment_keeps_no_lock(run_python: RunPython, tmp_path: Path) -> None:
    run_python(
        f"""
from monitoring.primitives.lock_files import close_lock, is_locked, lock_now, locked, open_lock
directory = Path({str(tmp_path)!r})
stop = threading.Event()
def work(name):
    while not stop.is_set():
        with locked(directory / name):
            pass
        descriptor = open_lock(directory / (name + '.kept'))
        lock_now(descriptor)
        close_lock(descriptor)
names = ['a', 'b']
threads = [threading.Thread(target=work, args=(name,)) for name in names]
[thread.start() for thread in threads]
time.sleep(0.05)
children = []
for _ in range(60):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    children.append(child)
stop.set()
[thread.join(20) for thread in threads]
held = [thread for thread in threads if thread.is_alive()]
deadline = time.monotonic() + 20  # the last child may not have run yet
while (left := [p for p in directory.iterdir() if is_locked(p)]) and time.monotonic() < deadline:
    time.sleep(0.05)
[os.kill(child, signal.SIGKILL) or os.waitpid(child, 0) for child in children]
assert not held and not left, (held, left)
"""
    )


@pytest.mark.needs("fork")
def test_a_child_forked_while_it_is_held_neither_keeps_nor_frees_it(
    run_python: RunPython, tmp_path: Path
) -> None:
    run_python(
        f"""
from monitoring.primitives.lock_files import is_locked, locked
path = Path({str(tmp_path / "a.lock")!r})
with locked(path):
    child = os.fork()
    if child:
        time.sleep(0.05)
        assert is_locked(path)
if child == 0:
    time.sleep(60)
    os._exit(0)
assert not is_locked(path)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
"""
    )
