"""Which processes of a web server answer requests, and what uWSGI's know of themselves."""

import pytest

from monitoring.storage.server_role import only_starts_others
from tests.unit.conftest import RunPython

# What uWSGI gives to its processes: here the master, which has loaded the application.
UWSGI = """
class Uwsgi(type(sys)):
    worker, has_threads = 0, 0
    def worker_id(self): return self.worker
    def mule_id(self): return 0
    def i_am_the_spooler(self): return 0

sys.argv = ['uwsgi']
uwsgi = sys.modules['uwsgi'] = Uwsgi('uwsgi')
earlier = []
uwsgi.post_fork_hook = lambda: earlier.append('earlier')
"""
# uWSGI forks in C: no hook of Python's is run.
FORK = """
from ctypes import CDLL
def fork(worker):
    if pid := CDLL(None).fork():
        return os.waitpid(pid, 0)
    uwsgi.worker = worker
    uwsgi.post_fork_hook()
"""
COUNT = """
from monitoring.storage import this_process, values, worker_start, server_role
directory = Path(os.environ['PROMETHEUS_MULTIPROC_DIR'])
this_process.declare(server_role.role_of_process(), directory, finds_start=True)
values.install()
imported = Counter('imported', 'I.')
imported.inc()
"""


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["manage.py", "runserver"], {}, True),
        (["manage.py", "runserver", "8000"], {"RUN_MAIN": "true"}, False),
        (["manage.py", "runserver", "--noreload"], {}, False),
        (["uvicorn", "shop.asgi", "--reload"], {}, False),
        (["granian", "shop.asgi", "--workers", "3"], {}, False),
        (["daphne", "shop.asgi"], {}, False),
        ([], {}, False),
    ],
)
def test_a_parent_that_only_starts_others_is_told_from_a_worker(
    arguments: list[str], environment: dict[str, str], expected: bool
) -> None:
    assert only_starts_others(arguments, environment) is expected


def test_a_worker_that_uwsgi_forks_has_its_own_slot_though_the_master_has_one(
    run_python: RunPython,
) -> None:
    output = run_python(
        f"""{UWSGI}{FORK}
import monitoring.primitives.platform.forks as forks
forks._follow(uwsgi)  # the preamble has registered its calls without uWSGI
{COUNT}
print(values.role(), this_process.files.slot.name, flush=True)
worker_start.attach_worker()
if fork(1) is None:
    slot = this_process.files.slot
    imported.inc()
    print(values.role(), slot.name, earlier, flush=True)
    os._exit(0)
print(imported._value.get())
"""
    )
    assert output.split("\n")[:3] == ["master master-0", "web web-0 ['earlier']", "1.0"]


def test_without_threads_requests_are_counted_and_the_rest_is_said_once(
    run_python: RunPython,
) -> None:
    """An older uWSGI without `enable-threads`: a thread would stop between two requests."""
    output = run_python(
        f"""{UWSGI}
uwsgi.worker = 1
import logging
logging.basicConfig(stream=sys.stdout, format="%(message)s")
{COUNT}
for _ in range(2):
    worker_start.attach_worker()
from monitoring.instruments.background import Background
from monitoring.storage import own_counters
work = Background("monitoring-work", print, 10)
before = threading.active_count()
print(work.put(1, own_counters.DROP_SLOW_REQUESTS), threading.active_count() - before)
print(this_process.files.slot.name, imported._value.get())
"""
    )
    warning, *rest = output.splitlines()
    assert warning.startswith("uWSGI runs no threads: set enable-threads.")
    assert rest == ["False 0", "web-0 1.0"]
