"""Each command holds slots of its role, though an app measures as soon as it is ready."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from monitoring.storage.slots import is_held, list_lock_files
from tests.paths import ROOT
from tests.servers.ports import free_port, wait_for

FILES = {
    "host_settings.py": """
SECRET_KEY = "x" * 50
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "host_urls"
USE_TZ = True
INSTALLED_APPS = ["monitoring", "early", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = ["monitoring.middleware.PerformanceMonitoringMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "host.sqlite3"}}
""",
    "host_urls.py": "urlpatterns = []\n",
    "host_wsgi.py": "from django.core.wsgi import get_wsgi_application\n"
    "application = get_wsgi_application()\n",
    "host_asgi.py": "from django.core.asgi import get_asgi_application\n"
    "application = get_asgi_application()\n",
    "host_celery.py": "from celery import Celery\n"
    "app = Celery('host', broker='memory://')\n"
    "import django\ndjango.setup()\n",
    "manage.py": "import sys\nfrom django.core.management import execute_from_command_line\n"
    "execute_from_command_line(sys.argv)\n",
    "calls_exporter.py": "import sys\nimport django\ndjango.setup()\n"
    "from django.core.management import call_command\n"
    "call_command('exporter', bind=sys.argv[1])\n",
    "mule.py": "import time\nfrom prometheus_client import Counter\n"
    "Counter('mule', 'M.').inc()\ntime.sleep(60)\n",
    "hooks.conf.py": "from monitoring.gunicorn_hooks import *\nprepare()\n",
    "early/__init__.py": "",
    "early/apps.py": """
import warnings
from django.apps import AppConfig

class EarlyConfig(AppConfig):
    name = "early"

    def ready(self):
        from django.db import connection
        from prometheus_client import Counter
        warnings.simplefilter("ignore", RuntimeWarning)  # Django advises against this query
        Counter("early", "Written when the app is ready.").inc()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
""",
    "early/management/__init__.py": "",
    "early/management/commands/__init__.py": "",
    "early/management/commands/wait.py": """
import time
from django.core.management import BaseCommand

class Command(BaseCommand):
    def handle(self, *args, **options):
        time.sleep(60)
""",
    "early/tests.py": """
import time
from django.test import SimpleTestCase

class Waits(SimpleTestCase):
    def test_waits(self):
        time.sleep(60)
""",
}

GUNICORN = ("gunicorn", "host_wsgi", "-b", "127.0.0.1:{port}", "-w", "2")
GRANIAN = ("granian", "--port", "{port}", "--workers", "2")
HYPERCORN = ("hypercorn", "host_asgi:application", "--bind", "127.0.0.1:{port}", "-w", "2")
UWSGI = ("uwsgi", "--http-socket", "127.0.0.1:{port}", "--module", "host_wsgi", "--processes", "2")
# What a process holds before it knows that it is no script, or that it is a worker itself.
GIVEN_BACK = {"calls_exporter.py": {"python-0"}, UWSGI: {"master-0"}}


@pytest.mark.parametrize(
    ("command", "held"),
    [
        (("manage.py", "exporter", "--bind", "127.0.0.1:{port}"), ["exporter-0"]),
        (("calls_exporter.py", "127.0.0.1:{port}"), ["exporter-0"]),
        (("manage.py", "wait"), ["manage-0"]),
        (("-m", "django", "wait"), ["manage-0"]),
        (("manage.py", "runserver", "{port}", "--noreload"), ["web-0"]),
        ((*GUNICORN, "-c", "hooks.conf.py"), ["master-0", "web-0", "web-1"]),
        ((*GUNICORN, "-c", "hooks.conf.py", "--preload"), ["master-0", "web-0", "web-1"]),
        (GUNICORN, ["web-0", "web-1"]),
        ((*GUNICORN, "--preload"), ["master-0"]),
        (("manage.py", "runserver", "{port}"), ["master-0", "web-0"]),
        (("uvicorn", "host_asgi:application", "--port", "{port}"), ["web-0"]),
        (
            ("uvicorn", "host_asgi:application", "--port", "{port}", "--workers", "2"),
            ["web-0", "web-1"],
        ),
        ((*GRANIAN, "--interface", "wsgi", "host_wsgi:application"), ["web-0", "web-1"]),
        ((*GRANIAN, "--interface", "asgi", "host_asgi:application"), ["web-0", "web-1"]),
        (HYPERCORN, ["web-0", "web-1"]),
        ((*HYPERCORN, "--reload"), ["master-0", "web-0", "web-1"]),
        (("daphne", "host_asgi:application", "--port", "{port}"), ["web-0"]),
        (UWSGI, ["web-0", "web-1"]),
        ((*UWSGI, "--master"), ["master-0", "web-0", "web-1"]),
        ((*UWSGI, "--master", "--lazy-apps"), ["web-0", "web-1"]),
        ((*UWSGI, "--master", "--py-call-osafterfork"), ["master-0", "web-0", "web-1"]),
        ((*UWSGI, "--master", "--py-call-uwsgi-fork-hooks"), ["master-0", "web-0", "web-1"]),
        ((*UWSGI, "--master", "--mule=mule.py"), ["master-0", "python-0", "web-0", "web-1"]),
        (("celery", "-A", "host_celery", "worker", "-P", "solo"), ["celery-0"]),
        (("celery", "-A", "host_celery", "beat", "-s", "beat.db"), ["celery-0"]),
    ],
    ids=lambda value: " ".join(value[:6]) if isinstance(value, tuple) else "",
)
def test_a_process_that_measures_before_its_command_runs_holds_the_slot_of_its_role(
    tmp_path: Path, shm_directory: Path, command: Sequence[str], held: list[str]
) -> None:
    with running(tmp_path, command, PROMETHEUS_MULTIPROC_DIR=str(shm_directory)):
        wait_for(f"{held}", lambda: held_slots(shm_directory) == held)
    made = {path.stem for path in list_lock_files(shm_directory)}
    given_back = GIVEN_BACK.get(command, GIVEN_BACK.get(command[0], set()))
    assert made == {*held, *given_back}


def test_a_test_run_writes_nothing_into_the_site_s_directory(
    tmp_path: Path, shm_directory: Path
) -> None:
    with running(
        tmp_path, ("manage.py", "test", "early"), PROMETHEUS_MULTIPROC_DIR=str(shm_directory)
    ) as process:
        own = wait_for("the run's own directory", lambda: metrics_directory_of(process.pid))
        wait_for("test-0", lambda: held_slots(own) == ["test-0"])
    assert not shm_directory.exists()


def held_slots(directory: Path) -> list[str]:
    return [path.stem for path in list_lock_files(directory) if is_held(path)]


def metrics_directory_of(pid: int) -> Path | None:
    """Where the process has a lock file of a slot open."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        path = descriptor.readlink()
        if path.suffix == ".lock":
            return path.parent
    return None


@contextlib.contextmanager
def running(
    work: Path, command: Sequence[str], **extra: str
) -> "Iterator[subprocess.Popen[bytes]]":
    """The command in a project of its own in `work`, killed at the end with its children."""
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    program, *arguments = (part.format(port=free_port()) for part in command)
    python = Path(sys.executable)
    is_script = program.endswith(".py") or program == "-m"
    start = [str(python), program] if is_script else [str(python.with_name(program))]
    log = work / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*start, *arguments],
            cwd=work,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(work),
                "PYTHONPATH": f"{work}{os.pathsep}{ROOT}",
                "DJANGO_SETTINGS_MODULE": "host_settings",
                **extra,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
