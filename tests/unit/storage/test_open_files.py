"""Files that are deleted, renamed or replaced in use cost no count, even if the disk is full."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.small_disk import small_disk
from tests.unit.conftest import RunPython, run_script
from tests.unit.stock import stock_samples

pytestmark = pytest.mark.needs("moves")

_BEGIN = """
import logging, resource, shutil
logging.basicConfig(stream=sys.stdout, format='%(message)s')
from monitoring.storage import attach, values
from tests.servers.small_disk import fill
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
path = directory / 'counter_web-0.db'
aside = directory.with_name('aside')
c = Counter('c', 'C.', ['n'])
h = Histogram('h', 'H.')
g = Gauge('g', 'G.', multiprocess_mode='max')
def count(times):
    for number in range(times):
        c.labels(number % 5).inc(); h.observe(1.5); g.inc()
"""


def counted(directory: Path) -> float:
    """How many times `count` counted, by each of its metrics."""
    samples = stock_samples(directory)
    total = sum(value for (name, _), value in samples.items() if name == "c_total")
    assert samples["h_count", ()] == samples["h_sum", ()] / 1.5 == samples["g", ()] == total
    return total


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A metrics directory on a file system with space for some files."""
    with small_disk(tmp_path / "small", "256k") as path:
        directory = path / "metrics"
        directory.mkdir(mode=0o700)
        yield directory


@pytest.mark.parametrize(
    "lose",
    [
        "for file in directory.glob('*.db'): file.unlink()",
        "directory.rename(aside)",
    ],
)
def test_files_lost_on_a_full_disk_come_back_with_every_count(lose: str, small: Path) -> None:
    said = run_script(
        _BEGIN
        + f"""
count(111)
{lose}
filler = fill(directory.parent)
for _ in range(3):
    count(10)
    values.tend()
count(81)
assert not list(directory.glob('*.db'))
filler.unlink()
values.tend()
count(1)
""",
        small,
    )
    assert counted(small) == 111 + 30 + 81 + 1
    assert said.count("counts wait in memory") == 1  # logged at most once a minute


def test_files_lost_when_no_descriptor_is_left_come_back_with_every_count(
    run_python: RunPython, metrics_directory: Path
) -> None:
    said = run_python(
        _BEGIN
        + """
count(111)
shutil.rmtree(directory)
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
for _ in range(3):
    count(10)
    values.tend()
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
assert not list(directory.glob('*.db'))
values.tend()
count(1)
"""
    )
    assert counted(metrics_directory) == 142
    assert "Too many open files" in said


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param("directory.rename(aside)", id="directory renamed"),
        pytest.param("path.rename(aside)", id="file renamed"),
        pytest.param("shutil.copy(path, aside); aside.rename(path)", id="replaced by its copy"),
        pytest.param("aside.write_bytes(b'x' * 5000); aside.rename(path)", id="by another file"),
        pytest.param("path.unlink(); path.symlink_to(aside)", id="by a link"),
        pytest.param("(directory / 'web-0.lock').unlink()", id="only its lock deleted"),
        pytest.param(
            "[file.rename(file.with_suffix('.x')) for file in directory.iterdir()]",
            id="all renamed",
        ),
    ],
)
def test_what_is_renamed_or_replaced_in_use_costs_no_count(
    disturb: str, run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(_BEGIN + f"count(40)\n{disturb}\ncount(30)\nvalues.tend()\ncount(30)\n")
    assert counted(metrics_directory) == 100


def test_a_directory_that_comes_back_counts_nothing_twice(
    run_python: RunPython, metrics_directory: Path
) -> None:
    """Two processes, which may follow in either order."""
    run_python(
        _BEGIN
        + """
ask, answer = os.pipe()
told, tell = os.pipe()
count(10)
child = os.fork()
def both(order):
    def mine():
        values.tend(); count(10)
    if child:
        if order: mine()
        os.write(tell, b'x'); os.read(ask, 1)
        if not order: mine()
    else:
        os.read(told, 1); mine(); os.write(answer, b'x')
if not child:
    count(10)
    os.write(answer, b'x')
else:
    os.read(ask, 1)
    directory.rename(aside)
both(True)
if child:
    shutil.rmtree(directory)
    aside.rename(directory)
both(False)
if child:
    os.wait()
else:
    os._exit(0)
"""
    )
    samples = stock_samples(metrics_directory)
    assert samples["h_count", ()] == 60
    assert sorted(path.name for path in metrics_directory.glob("*.lock")) == [
        "web-0.lock",
        "web-1.lock",
    ]


def test_the_counts_of_the_new_slots_last_owner_stay(
    run_python: RunPython, metrics_directory: Path
) -> None:
    """A process that follows its directory finds a slot whose owner has died meanwhile."""
    run_python(
        _BEGIN
        + """
count(10)
Counter('old', 'O.').inc(3)
directory.rename(aside)
code = '''
from monitoring import storage
storage.install('web')
from prometheus_client import Counter, Gauge
Counter('c', 'C.', ['n']).labels(0).inc(7)
Gauge('g', 'G.', multiprocess_mode='max').set(1000)
Counter('new', 'N.').inc(4)
'''
import subprocess
subprocess.run([sys.executable, '-c', code], check=True)
values.tend()
count(5)
"""
    )
    samples = stock_samples(metrics_directory)
    assert sum(value for (name, _), value in samples.items() if name == "c_total") == 10 + 7 + 5
    assert (samples["old_total", ()], samples["new_total", ()]) == (3, 4)
    assert samples["g", ()] == 15  # ours: a gauge is no sum


def test_signal_handlers_that_count_or_raise_while_files_move_cost_no_count(
    run_python: RunPython, metrics_directory: Path
) -> None:
    output = run_python(
        _BEGIN
        + """
counted = 0
class Stop(Exception): pass
def handler(*_):
    global counted, fired
    fired = True
    c.labels(0).inc()
    counted += 1
    if counted % 2: raise Stop
def wait():  # a frame of its own: Python 3.13 may raise at the end of a loop, out of its `try`
    while not fired: pass
count(5)
signal.signal(signal.SIGALRM, handler)
rounds = passed = 0
end = time.monotonic() + 3
while time.monotonic() < end:
    for file in directory.glob('*.db') if rounds % 3 else [path]:
        file.unlink(missing_ok=True)
    if rounds % 5 == 0:
        shutil.rmtree(directory, ignore_errors=True)
    rounds += 1
    for _ in range(2):
        try:
            fired = False
            signal.setitimer(signal.ITIMER_REAL, 0.00001 + rounds % 97 * 0.00001)
            values.tend()
            wait()
        except Stop:
            passed += 1
signal.signal(signal.SIGALRM, signal.SIG_IGN)
values.tend()
c.labels(0).inc()
print(counted + 5 + 1, rounds, passed)
"""
    )
    total, rounds, passed = map(int, output.splitlines()[-1].split())
    assert (rounds > 20, passed > 20) == (True, True)
    samples = stock_samples(metrics_directory)
    dropped = sum(value for (name, _), value in samples.items() if name.endswith("dropped_total"))
    assert (
        sum(value for (name, _), value in samples.items() if name == "c_total") + dropped == total
    )


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param("os.truncate(path, 0)", id="emptied"),
        pytest.param("os.truncate(path, 4096)", id="cut short"),
        pytest.param("path.write_bytes(other)", id="another file copied over it"),
        pytest.param("path.write_bytes(b'x' * 16384)", id="written over"),
        pytest.param("os.truncate(path, 0); path.rename(aside)", id="cut short and gone"),
    ],
)
def test_a_file_cut_short_or_written_over_in_use_costs_its_own_counts_alone(
    spoil: str, run_python: RunPython, metrics_directory: Path
) -> None:
    """The process finds it before it writes to it again, and goes on with what is left."""
    run_python(
        _BEGIN
        + f"""
count(40)
child = os.fork()
if child == 0:
    count(3)
    os._exit(0)
os.wait()
other = (directory / 'counter_web-1.db').read_bytes()
{spoil}
values.tend()
count(30)
values.tend()
count(30)
"""
    )
    samples = stock_samples(metrics_directory)
    counts = sum(value for (name, _), value in samples.items() if name == "c_total")
    assert samples["h_count", ()] == 103
    assert samples["g", ()] == 100
    assert 60 <= counts <= 2 * 103
    assert samples["monitoring_corrupt_files_total", ()] >= 1


def test_a_truncated_exemplar_file_is_left(run_python: RunPython, metrics_directory: Path) -> None:
    run_python(
        """
from monitoring.storage import values
from monitoring.storage.exemplars import Place, Trace
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
def put():
    places = [Place(1, bytes(16))]
    values.put_exemplars(places, Trace(b't' * 16, bytes(8)), 1.0, 1.0)
put()
(file,) = directory.glob('exemplars_*')
os.truncate(file, 0)
values.tend()
put()
print(file.stat().st_size)
"""
    )
