"""Children forked while threads make series: none waits for a lock of the parent's threads."""

from pathlib import Path

import pytest

from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples

pytestmark = pytest.mark.needs("fork")

_FORKS = """
import itertools, select
sys.setswitchinterval(1e-5)  # so that forks meet threads in the middle of their work
registered = Counter('registered', 'R.', ['name'])
alone = Counter('alone', 'A.', ['name'], registry=None)
times = Histogram('times', 'T.', ['name'])
names, stop, made = itertools.count(), threading.Event(), []

def make():
    count = 0
    while not stop.is_set():
        for metric in (registered, alone):
            metric.labels(f'thread-{next(names) % 300}').inc()
        times.labels(f'thread-{next(names) % 300}').observe(1)
        if count < 200:
            Counter(f'new_{next(names)}', 'N.')
        count += 1
    made.append(count)

def count_in_child(number):
    for metric in (registered, alone):
        metric.labels('child').inc()
        metric.labels(f'child-{number % 7}').inc(2)
    times.labels('child').observe(1)
    Counter('of_child', 'C.').inc()
    os._exit(0)

threads = [threading.Thread(target=make) for _ in range(4)]
for thread in threads:
    thread.start()
late = 0
for number in range(80):
    child = os.fork()
    if child == 0:
        count_in_child(number)
    end = os.pidfd_open(child)
    if not select.select([end], [], [], 20)[0]:
        late += 1
        os.kill(child, signal.SIGKILL)
    late += os.waitpid(child, 0)[1] != 0
    os.close(end)
stop.set()
for thread in threads:
    thread.join()
print(late, sum(made))
"""


def test_a_lock_that_a_vanished_thread_held_is_free_in_the_child(run_python: RunPython) -> None:
    output = run_python(
        """
from prometheus_client import REGISTRY, CollectorRegistry
alone = Counter('alone', 'A.', ['name'], registry=None)
other = CollectorRegistry()
held = threading.Event()

def hold():
    with alone._lock, REGISTRY._lock, other._lock:
        held.set()
        time.sleep(60)

threading.Thread(target=hold, daemon=True).start()
held.wait()
if os.fork() == 0:
    signal.alarm(10)
    alone.labels('x').inc()
    Counter('new', 'N.')
    Counter('new', 'N.', registry=other)
    os._exit(0)
print(os.wait()[1], flush=True)
os._exit(0)
"""
    )
    assert output.strip() == "0"


def test_a_finaliser_may_count_while_its_thread_makes_a_series_of_the_same_metric(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        """
signal.alarm(10)

class Late(Counter):
    def _metric_init(self):
        super()._metric_init()
        if nested:
            nested.pop()
            families.labels('x').inc()  # as a finaliser would

nested = []
families = Late('late', 'L.', ['name'])
nested.append(1)
families.labels('x').inc()
"""
    )
    assert stock_samples(metrics_directory)["late_total", (("name", "x"),)] == 2


@pytest.mark.needs("proc")  # and pidfd_open, which is Linux's
def test_no_child_hangs_and_each_counts_exactly(
    run_python: RunPython, metrics_directory: Path
) -> None:
    late, made = map(int, run_python(_FORKS).split())
    assert late == 0
    samples = stock_samples(metrics_directory)

    def counted(name: str, start: str) -> float:
        return sum(
            value
            for (sample, labels), value in samples.items()
            if sample == name and dict(labels)["name"].startswith(start)
        )

    for name in ("registered_total", "alone_total"):
        assert counted(name, "thread") == made
        assert counted(name, "child-") == 160
        assert samples[name, (("name", "child"),)] == 80
    assert counted("times_count", "thread") == made
    assert counted("times_count", "child") == 80
    assert samples["of_child_total", ()] == 80
