"""Writes are exact over threads and forks, and a write that cannot be made is dropped, counted."""

import dis
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.mmap_dict import mmap_key

from monitoring.storage.format import metric_key
from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples


def test_a_metric_is_exposed_as_zero_before_its_first_write(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python("Counter('early', 'E.')\nstorage.attach()\nHistogram('late', 'L.')")
    samples = stock_samples(metrics_directory)
    assert samples["early_total", ()] == 0
    assert samples["late_count", ()] == 0


def test_threads_lose_no_increment(run_python: RunPython, metrics_directory: Path) -> None:
    run_python(
        """
sys.setswitchinterval(1e-6)
c = Counter('c', 'C.', ['n'])
h = Histogram('h', 'H.')
def work(n):
    for i in range(5000):
        c.labels(i % 7).inc()
        h.observe(0.5)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    )
    samples = stock_samples(metrics_directory)
    assert sum(value for (name, _), value in samples.items() if name == "c_total") == 40_000
    assert samples["h_count", ()] == 40_000
    assert samples["h_sum", ()] == 20_000


@pytest.mark.needs("fork")
def test_a_fork_while_threads_write_neither_hangs_nor_loses(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
c = Counter('c', 'C.')
stop = threading.Event()
written = [0]
def work():
    while not stop.is_set():
        c.inc()
        written[0] += 1
thread = threading.Thread(target=work)
thread.start()
for _ in range(50):
    child = os.fork()
    if child == 0:
        c.inc(1000)
        os._exit(0)
    os.waitpid(child, 0)
stop.set()
thread.join()
Path(os.environ['PROMETHEUS_MULTIPROC_DIR'], 'written').write_text(str(written[0]))
"""
    )
    written = int((metrics_directory / "written").read_text())
    assert stock_samples(metrics_directory)["c_total", ()] == written + 50 * 1000
    assert len(list(metrics_directory.glob("web-*.lock"))) == 2


@pytest.mark.needs("fork")
def test_children_of_a_preload_master_do_not_repeat_its_counts(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
c = Counter('c', 'C.', ['who'])
g = Gauge('g', 'G.', multiprocess_mode='all')
c.labels('master').inc(3)
g.set(5)
for _ in range(2):
    if os.fork() == 0:
        c.labels('child').inc()
        os._exit(0)
    os.wait()
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["c_total", (("who", "master"),)] == 3
    assert samples["c_total", (("who", "child"),)] == 2
    assert [key for key in samples if key[0] == "g"] == [("g", (("pid", "web-0"),))]


def test_an_unusable_directory_costs_the_writes_and_nothing_else(
    run_python: RunPython, metrics_directory: Path
) -> None:
    """The process goes on, says so once, and records again when the directory is back."""
    output = run_python(
        """
import logging
logging.basicConfig(stream=sys.stdout, format='%(message)s')
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
directory.rmdir()
directory.write_text('in the way')
c = Counter('c', 'C.')
for _ in range(1000):
    c.inc()
directory.unlink()
time.sleep(1.1)
c.inc()
"""
    )
    assert output.count("no metrics are recorded") == 1
    assert "is not a directory" in output
    samples = stock_samples(metrics_directory)
    assert samples["c_total", ()] == 1
    assert samples["monitoring_dropped_total", (("reason", "directory"),)] == 1000


@pytest.mark.needs("signals")
def test_a_signal_handler_may_write_metrics(run_python: RunPython, metrics_directory: Path) -> None:
    """Stock prometheus-client deadlocks when a handler interrupts a write."""
    run_python(
        """
c = Counter('c', 'C.', ['n'])
handled = Counter('handled', 'H.')
handled.inc(0)
calls = [0]
def handler(*_):
    calls[0] += 1
    handled.inc()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
end = time.monotonic() + 2
n = 0
while time.monotonic() < end:
    c.labels(n % 5000).inc()
    n += 1
signal.setitimer(signal.ITIMER_REAL, 0)
assert calls[0] > 100
"""
    )
    assert stock_samples(metrics_directory)["handled_total", ()] > 100


def test_keys_are_those_of_prometheus_client() -> None:
    given = ("jobs", "jobs_total", ["b", "a"], ["é", '"1"'], 'Jobs of "b".')
    assert metric_key(*given) == mmap_key(*given)


def test_of_two_interruptions_of_one_write_none_is_lost(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
from monitoring.storage.values import add_all, value_of
value = value_of(Counter('c', 'C.'))
errors = [KeyError('first'), ValueError('second')]
class Writes:
    left = 3
    def __iter__(self): return self
    def __next__(self):
        if errors: raise errors.pop(0)
        if not self.left: raise StopIteration
        self.left -= 1
        return value, 1.0
try:
    add_all(Writes())
except ValueError as second:
    assert isinstance(second.__context__, KeyError)
else:
    raise AssertionError
"""
    )
    assert stock_samples(metrics_directory)["c_total", ()] == 3


def test_no_round_of_a_loop_under_the_lock_ends_outside_its_with() -> None:
    """Signal handlers run at the end of a round: what they raise there would keep the lock."""
    from monitoring.storage.values import add_all  # noqa: PLC0415  (it makes the process's lock)

    code: Any = dis.Bytecode(add_all)
    names = {name for name in dis.opname if "JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name}
    # What a `with` does when it keeps an exception back, which a lock's never does.
    kept_back = {each.positions.lineno for each in code if each.opname == "WITH_EXCEPT_START"}
    rounds = [
        each.offset
        for each in code
        if each.opname in names and each.positions.lineno not in kept_back
    ]
    guarded = [range(entry.start, entry.end) for entry in code.exception_entries]
    assert rounds
    assert [at for at in rounds if not any(at in one for one in guarded)] == []
