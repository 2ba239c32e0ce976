"""Unit tests write their metrics to a directory of their own, not to the developer's."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from monitoring import storage
from tests.paths import MEMORY, ROOT

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_directory = tempfile.mkdtemp(prefix="monitoring-unit-", dir=MEMORY)
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
storage.install(role="pytest", directory=_directory)
# Examples take as long as a busy machine needs.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

RunPython = Callable[[str], str]

_PREAMBLE = """\
import os, signal, sys, threading, time
from pathlib import Path
from monitoring import storage
storage.install('web')
from prometheus_client import Counter, Gauge, Histogram
"""


@pytest.fixture
def metrics_directory(tmp_path: Path) -> Path:
    """An empty metrics directory."""
    directory = tmp_path / "metrics"
    directory.mkdir(mode=0o700)
    return directory


def run_script(script: str, directory: Path) -> str:
    """Run a script in a process of its own, role `web`, on the metrics directory; its output."""
    done = subprocess.run(
        [sys.executable, "-c", _PREAMBLE + script],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PROMETHEUS_MULTIPROC_DIR": str(directory),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -9), done.stderr
    return done.stdout


@pytest.fixture
def run_python(metrics_directory: Path) -> RunPython:
    """`run_script` on the test's own metrics directory."""
    return lambda script: run_script(script, metrics_directory)


@pytest.fixture
def admins(db: None) -> "list[User]":
    """Two active admins; beside them staff that has left, and a customer."""
    from django.contrib.auth.models import User  # noqa: PLC0415  (once the apps are set up)

    User.objects.create_user("left", "left@example.org", is_staff=True, is_active=False)
    User.objects.create_user("customer", "customer@example.org")
    return [
        User.objects.create_user("anna", "anna@example.org", is_staff=True),
        User.objects.create_user("ben", "ben@example.org", is_staff=True),
    ]
