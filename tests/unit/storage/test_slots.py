"""A process takes the lowest free slot, continues its files, and loses it when it dies."""

from pathlib import Path

import pytest

from monitoring.storage import slots
from monitoring.storage.slots import role_of
from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

REQUESTS = "c = Counter('requests', 'Requests.')\n"


def lock_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("web-*.lock"))


def test_nothing_is_opened_before_the_first_write(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(REQUESTS)
    assert list(metrics_directory.iterdir()) == []


@pytest.mark.needs("signals")
def test_the_next_process_continues_the_counts_of_the_dead_one(
    run_python: RunPython, metrics_directory: Path
) -> None:
    for _ in range(3):
        run_python(REQUESTS + "c.inc(5); os.kill(os.getpid(), signal.SIGKILL)")
    assert stock_samples(metrics_directory)["requests_total", ()] == 15
    assert lock_files(metrics_directory) == ["web-0.lock"]


@pytest.mark.needs("signals")
def test_processes_that_live_together_have_different_slots(
    run_python: RunPython, metrics_directory: Path
) -> None:
    output = run_python(
        REQUESTS
        + """
c.inc()
children = []
for _ in range(3):
    ready, done = os.pipe()
    children.append(os.fork())
    if children[-1] == 0:
        c.inc(10)
        os.write(done, b'.')
        time.sleep(30)
        os._exit(0)
    os.read(ready, 1)
print(*sorted(p.name for p in Path(os.environ['PROMETHEUS_MULTIPROC_DIR']).glob('counter*')))
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""
    )
    assert output.split() == [f"counter_web-{number}.db" for number in range(4)]
    assert stock_samples(metrics_directory)["requests_total", ()] == 31


@pytest.mark.needs("fork")
def test_a_slot_is_free_although_a_child_of_its_dead_owner_lives(
    run_python: RunPython, metrics_directory: Path
) -> None:
    """A forked child inherits the lock's descriptor; it must close it, or the slot stays taken."""
    output = run_python(
        REQUESTS
        + """
reader, writer = os.pipe()
if os.fork() == 0:
    storage.attach()
    if os.fork() == 0:
        os.write(writer, b'.')
        time.sleep(5)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
os.read(reader, 1)
os.wait()
c.inc()
print(storage.attach().name)
"""
    )
    assert output.strip() == "web-0"


@pytest.mark.needs("fork")
def test_a_live_owner_keeps_its_slot_when_its_child_starts_or_ends(
    run_python: RunPython,
) -> None:
    output = run_python(
        REQUESTS
        + """
print(storage.attach().name, flush=True)
if os.fork() == 0:
    os._exit(0)
os.wait()
if os.fork() == 0:
    print(storage.attach().name, flush=True)
    os._exit(0)
os.wait()
"""
    )
    assert output.split() == ["web-0", "web-1"]


@pytest.mark.needs("signals")
def test_live_gauges_of_the_last_owner_are_dropped_other_gauges_stay(
    run_python: RunPython, metrics_directory: Path
) -> None:
    gauges = (
        "live = Gauge('busy', 'B.', multiprocess_mode='livesum')\n"
        "kept = Gauge('peak', 'P.', multiprocess_mode='max')\n"
    )
    run_python(gauges + "live.inc(7); kept.set(7); os.kill(os.getpid(), signal.SIGKILL)")
    run_python(gauges + "live.inc(1)")
    samples = stock_samples(metrics_directory)
    assert samples["busy", ()] == 1
    assert samples["peak", ()] == 7


def test_each_role_has_files_and_slots_of_its_own(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(REQUESTS + "c.inc()")
    run_python("storage.install('celery')\n" + REQUESTS + "c.inc()")
    names = sorted(path.name for path in metrics_directory.glob("counter_*"))
    assert names == ["counter_celery-0.db", "counter_web-0.db"]


def test_a_process_that_learns_its_role_late_gives_its_slot_back_and_keeps_every_count(
    run_python: RunPython, metrics_directory: Path
) -> None:
    output = run_python(
        REQUESTS
        + """
from monitoring.storage.slots import is_held
from monitoring.storage.values import count_corrupt_file
here = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
busy = Gauge('busy', 'B.', multiprocess_mode='livesum')
c.inc(2); busy.set(1); count_corrupt_file()
storage.install('exporter')
print(is_held(here / 'web-0.lock'), (here / 'exporter-0.lock').exists())
c.inc(3); busy.set(4); count_corrupt_file()
print(is_held(here / 'exporter-0.lock'), storage.attach().name)
storage.install('exporter')
print(is_held(here / 'exporter-0.lock'))
"""
    )
    assert output.split() == ["False", "False", "True", "exporter-0", "True"]
    samples = stock_samples(metrics_directory)
    assert samples["requests_total", ()] == 5
    assert samples["monitoring_corrupt_files_total", ()] == 2
    names = sorted(path.name for path in metrics_directory.glob("counter_*"))
    assert names == ["counter_exporter-0.db", "counter_web-0.db"]


def test_a_directory_named_after_the_first_value_gets_the_values_from_then_on(
    run_python: RunPython, metrics_directory: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    run_python(REQUESTS + f"c.inc(2); storage.install('web', {str(other)!r}); c.inc(3)")
    assert stock_samples(metrics_directory)["requests_total", ()] == 2
    assert stock_samples(other)["requests_total", ()] == 3


@pytest.mark.parametrize("role", ["", "Web", "web_1", "web-1", "1web", "a" * 17])
def test_a_role_that_would_break_file_names_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match="allowed are 1 to 16"):
        slots.validate_role(role)


@pytest.mark.parametrize(
    ("arguments", "role"),
    [
        (["/venv/bin/gunicorn", "-c", "gunicorn.conf.py"], "web"),
        (["/lib/gunicorn/__main__.py"], "web"),
        (["/venv/bin/celery", "-A", "project", "worker"], "celery"),
        (["manage.py", "migrate"], "manage"),
        (["manage.py", "runserver"], "web"),
        (["manage.py", "exporter"], "exporter"),
        (["/lib/django/__main__.py", "migrate"], "manage"),
        (["manage.py", "test", "shop"], "test"),
        (["/venv/bin/pytest"], "test"),
        (["/lib/pytest/__main__.py", "-q"], "test"),
        (["script.py"], "python"),
        ([], "python"),
    ],
)
def test_the_role_is_told_by_the_command_line(arguments: list[str], role: str) -> None:
    assert role_of(arguments) == role


def test_the_owner_is_written_for_process_metrics(
    run_python: RunPython, metrics_directory: Path
) -> None:
    pid = int(run_python("storage.attach(); print(os.getpid())"))
    owner = slots.read_owner(metrics_directory / "web-0.lock")
    assert owner is not None
    assert (owner.slot, owner.pid) == ("web-0", pid)
    assert owner.start_ticks > 0


def test_a_lock_is_seen_as_held_only_while_its_owner_lives(
    run_python: RunPython, metrics_directory: Path
) -> None:
    output = run_python(
        """
from monitoring.storage.slots import is_held
storage.attach()
lock = Path(os.environ['PROMETHEUS_MULTIPROC_DIR']) / 'web-0.lock'
print(is_held(lock))
"""
    )
    assert output.strip() == "True"
    assert not slots.is_held(metrics_directory / "web-0.lock")
