"""Unit tests write their metrics to a directory of their own, not to the developer's."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from monitoring import storage

_ROOT = Path(__file__).resolve().parents[2]
_directory = tempfile.mkdtemp(prefix="monitoring-unit-", dir="/dev/shm")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
storage.install(role="pytest", directory=_directory)

RunPython = Callable[[str], str]


@pytest.fixture
def metrics_directory(tmp_path: Path) -> Path:
    """An empty metrics directory."""
    directory = tmp_path / "metrics"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def run_python(metrics_directory: Path) -> RunPython:
    """Run a script in a process of its own, role `web`, on the metrics directory; its output."""
    preamble = (
        "import os, signal, sys, threading, time\n"
        "from pathlib import Path\n"
        "from monitoring import storage\n"
        "storage.install('web')\n"
        "from prometheus_client import Counter, Gauge, Histogram\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_ROOT),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics_directory),
    }

    def run(script: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", preamble + script],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, -9), done.stderr
        return done.stdout

    return run
