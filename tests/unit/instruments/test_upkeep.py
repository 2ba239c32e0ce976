"""Once a second a process looks after its metrics: garbage collections, deleted files."""

from pathlib import Path

import pytest

from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

_TICK = """
import gc
gc.disable()
from monitoring.instruments.upkeep import upkeep
"""


def test_garbage_collections_are_counted_per_slot(
    run_python: RunPython, metrics_directory: Path
) -> None:
    printed = run_python(
        _TICK
        + """
upkeep().tick()
for _ in range(3):
    gc.collect()
upkeep().tick()
upkeep().tick()
print(gc.get_stats()[2]['collections'])
"""
    )
    labels = (("generation", "2"), ("role", "web"), ("slot", "web-0"))
    samples = stock_samples(metrics_directory)
    assert samples["python_gc_collections_total", labels] == int(printed) >= 3


@pytest.mark.needs("fork")
def test_a_forked_child_does_not_count_its_parents_collections(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        _TICK
        + """
for _ in range(5):
    gc.collect()
upkeep().tick()
if os.fork() == 0:
    upkeep().tick()
    gc.collect()
    upkeep().tick()
    os._exit(0)
os.wait()
"""
    )
    labels = (("generation", "2"), ("role", "web"), ("slot", "web-1"))
    assert stock_samples(metrics_directory)["python_gc_collections_total", labels] == 1


@pytest.mark.needs("fork")
def test_a_child_that_is_forked_in_the_middle_of_a_tick_has_ticks_of_its_own(
    run_python: RunPython,
) -> None:
    output = run_python(
        _TICK
        + """
from monitoring.instruments.upkeep import at_each_tick
parent, begun, go_on = os.getpid(), threading.Event(), threading.Event()
def job():
    if os.getpid() == parent:
        begun.set()
        go_on.wait(30)
    else:
        print("ticked", flush=True)
at_each_tick(job)
threading.Thread(target=upkeep().tick).start()
begun.wait(30)
if os.fork() == 0:
    upkeep().tick()
    os._exit(0)
os.wait()
go_on.set()
"""
    )
    assert output.strip() == "ticked"


@pytest.mark.needs("moves")
def test_a_deleted_directory_is_made_again_with_all_its_counts(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
import shutil
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
from monitoring.storage import values
c = Counter('c', 'C.', ['n'])
g = Gauge('g', 'G.', multiprocess_mode='livesum')
h = Histogram('h', 'H.')
c.labels('1').inc(5); g.inc(2); h.observe(0.5)
shutil.rmtree(directory)
c.labels('1').inc(); c.labels('2').inc()
values.tend()
g.inc(1); h.observe(0.5); c.labels('1').inc()
values.tend()
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["c_total", (("n", "1"),)] == 7
    assert samples["c_total", (("n", "2"),)] == 1
    assert samples["h_count", ()] == 2
    assert samples["g", ()] == 3
    assert (metrics_directory / "web-0.lock").exists()


@pytest.mark.needs("moves")
def test_one_deleted_file_is_made_again_in_the_same_slot(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
import shutil
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
from monitoring.storage import this_process, values
c = Counter('c', 'C.')
c.inc(5)
(directory / 'counter_web-0.db').unlink()
values.tend()
c.inc()
this_process.drop('no_slot')
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["c_total", ()] == 6
    assert samples["monitoring_dropped_total", (("reason", "no_slot"),)] == 1
    assert [path.name for path in metrics_directory.glob("*.db")] == ["counter_web-0.db"]


@pytest.mark.needs("moves")
def test_while_the_directory_cannot_be_made_the_process_goes_on(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
import shutil
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
from monitoring.storage import values
c = Counter('c', 'C.')
c.inc(5)
shutil.rmtree(directory)
directory.write_text('in the way')
values.tend()
c.inc()
directory.unlink()
time.sleep(1.1)
values.tend()
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["c_total", ()] == 6
    assert samples["monitoring_dropped_total", (("reason", "directory"),)] >= 1
