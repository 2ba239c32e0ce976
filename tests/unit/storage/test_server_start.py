"""Who is a web server, and who may wipe the directory at its first write."""

import json
from pathlib import Path

import pytest

from monitoring.storage.server_start import SERVERS_FILE, find_server, is_server
from tests.unit.conftest import run_script
from tests.unit.stock import stock_samples

SERVE = "sys.argv = ['uvicorn']\nfrom monitoring.storage import this_process, values\n"
HEAR = "from monitoring.storage.server_start import at_fresh_start\n"
# The preamble has given a role; a server's process gives none.
UNASKED = (
    "this_process.declare('web', Path(os.environ['PROMETHEUS_MULTIPROC_DIR']), finds_start=True)\n"
    "values.install()\n"
)
COUNT = SERVE + UNASKED + "c = Counter('requests', 'R.')\nc.inc(5)\n"


def requests(directory: Path) -> float:
    return stock_samples(directory)["requests_total", ()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["/srv/venv/bin/python", "/srv/venv/bin/uvicorn", "shop.asgi"],
        ["python3.12", "-X", "dev", "-m", "uvicorn", "shop.asgi"],
        ["python", "-u", "manage.py", "runserver", "0:8000"],
        ["/usr/bin/granian", "--interface", "wsgi", "shop.wsgi"],
        ["gunicorn: master [shop.wsgi:application]"],
        ["uwsgi", "--ini", "/etc/shop.ini"],
        ["/usr/bin/uwsgi-core", "--ini", "/etc/shop.ini"],
        ["uWSGI master"],
        ["/srv/venv/bin/daphne", "shop.asgi:application"],
    ],
)
def test_a_web_server_is_known_by_its_command_line_or_title(arguments: list[str]) -> None:
    assert is_server(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/sbin/init"],
        ["sh", "-c", "uvicorn shop.asgi"],
        ["python", "-m", "honcho", "start"],
        ["/usr/bin/python3", "/usr/bin/supervisord", "-n"],
        ["python", "manage.py", "migrate"],
        ["celery", "-A", "shop", "worker"],
        ["uwsgi", "--emperor", "/etc/uwsgi/vassals"],
        ["python"],
    ],
)
def test_what_outlives_a_server_or_serves_nothing_is_none(arguments: list[str]) -> None:
    assert not is_server(arguments)


@pytest.mark.needs("proc")
def test_a_process_without_a_server_above_it_is_its_own() -> None:
    found = find_server()
    assert found is not None
    assert Path(f"/proc/{found[0]}").exists()


@pytest.mark.needs("signals")
def test_the_next_server_begins_at_zero(metrics_directory: Path) -> None:
    for _ in range(2):
        run_script(COUNT + "os.kill(os.getpid(), signal.SIGKILL)", metrics_directory)
    assert requests(metrics_directory) == 5


def test_the_snapshots_begin_anew_with_the_counts(metrics_directory: Path) -> None:
    told = run_script(
        HEAR + "at_fresh_start(lambda directory: print(directory.name))\n" + COUNT,
        metrics_directory,
    )
    assert told.split() == ["metrics"]


def test_a_role_that_is_given_leaves_the_counts_alone(metrics_directory: Path) -> None:
    """gunicorn's hooks give it; so do commands, Celery workers and the exporter."""
    for _ in range(2):
        run_script("Counter('requests', 'R.').inc(5)", metrics_directory)
    assert requests(metrics_directory) == 10


@pytest.mark.needs("fork")
def test_a_forked_worker_goes_on_when_its_parent_has_ended(metrics_directory: Path) -> None:
    """As a server that becomes a daemon after it has loaded the application."""
    run_script(
        COUNT
        + """
parent = os.getpid()
ready, done = os.pipe()
if os.fork() == 0:
    os.close(done)
    os.read(ready, 1)  # the end of the parent
    c.inc(2)
    os._exit(0)
os._exit(0)
""",
        metrics_directory,
    )
    assert requests(metrics_directory) == 7


@pytest.mark.needs("moves")
def test_a_directory_deleted_under_a_server_is_no_fresh_start(metrics_directory: Path) -> None:
    told = run_script(
        HEAR
        + COUNT
        + """
import shutil
at_fresh_start(lambda directory: print('afresh'))
shutil.rmtree(os.environ['PROMETHEUS_MULTIPROC_DIR'])
values.tend()
c.inc()
print('end')
""",
        metrics_directory,
    )
    assert told.split() == ["end"]
    assert requests(metrics_directory) == 6


@pytest.mark.parametrize("content", ["", "[]", '{"boot": 1}', '{"servers": [[1]]}', "\x00"])
def test_a_damaged_record_of_servers_names_none(content: str, metrics_directory: Path) -> None:
    run_script("Counter('requests', 'R.').inc(1)", metrics_directory)
    (metrics_directory / SERVERS_FILE).write_text(content)
    run_script(COUNT, metrics_directory)
    assert requests(metrics_directory) == 5
    assert len(json.loads((metrics_directory / SERVERS_FILE).read_text())["servers"]) == 1


def test_a_directory_that_cannot_be_joined_still_counts(metrics_directory: Path) -> None:
    (metrics_directory / "master.lock").mkdir()
    run_script(COUNT, metrics_directory)
    assert requests(metrics_directory) == 5


@pytest.mark.needs("flock")
def test_a_wipe_that_fails_keeps_no_other_server_waiting(metrics_directory: Path) -> None:
    (metrics_directory / "counter_web-7.db").mkdir()  # which no file operation deletes
    told = run_script(
        COUNT
        + """
import fcntl
fcntl.flock(os.open(this_process.files.directory / 'master.lock', os.O_RDWR), fcntl.LOCK_SH
            | fcntl.LOCK_NB)
print('shared')
""",
        metrics_directory,
    )
    assert told.split() == ["shared"]
    assert len(json.loads((metrics_directory / SERVERS_FILE).read_text())["servers"]) == 1
