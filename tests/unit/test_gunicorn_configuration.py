"""gunicorn's master loads nothing that a gevent worker must patch first."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.needs("flock")

FORBIDDEN = ("django", "asgiref", "prometheus_client", "concurrent", "numpy", "rest_framework")
# Every hook that the master calls; after the fork, the one that a worker calls before it patches.
HOOKS = """
import _thread, json, os, sys, types
from monitoring.gunicorn_hooks import *

prepare()
cfg = types.SimpleNamespace(uid=os.geteuid(), gid=os.getegid(), backlog=1, workers=2)
server = types.SimpleNamespace(cfg=cfg, LISTENERS=[], log=None)
on_starting(server)
when_ready(server)
pre_fork(server, None)
child_exit(server, None)
reading, writing = os.pipe()
if os.fork() == 0:
    post_fork(server, None)
    LOCKS = _thread.LockType, _thread.RLock
    locks = [
        f"{name}.{key}"
        for name, module in [*sys.modules.items()]
        if name.partition(".")[0] == "monitoring"
        for key, value in vars(module).items()
        if isinstance(value, LOCKS)
    ]
    os.write(writing, json.dumps([[*sys.modules], locks]).encode())
    os._exit(0)
os.wait()
sys.stdout.write(os.read(reading, 1 << 20).decode())
"""
EARLY = """
from monitoring.gunicorn_hooks import prepare

prepare()
from prometheus_client import Counter
from prometheus_client.registry import REGISTRY

early = Counter("early", "E.")
early.inc()
print(type(early._value).__name__)
"""
ASKED_BEFORE = EARLY.replace(
    "from prometheus_client import Counter",
    "import importlib.util, sys\n"
    "finders = len(sys.meta_path)\n"
    "assert importlib.util.find_spec('prometheus_client') is not None\n"
    "from prometheus_client import Counter\n"
    "assert len(sys.meta_path) == finders",
)
REFERENCE = f"""
import json, runpy, sys

runpy.run_path({str(ROOT / "gunicorn.conf.py")!r})
sys.stdout.write(json.dumps([[*sys.modules], []]))
"""


def run(script: str, directory: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PROMETHEUS_MULTIPROC_DIR": str(directory),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", [HOOKS, REFERENCE], ids=["the README's", "the project's"])
def test_it_imports_nothing_of_django_and_makes_no_lock_before_a_worker_patches(
    script: str, metrics_directory: Path
) -> None:
    modules, locks = json.loads(run(script, metrics_directory))
    assert [name for name in modules if name.partition(".")[0] in FORBIDDEN] == []
    assert locks == []


def test_the_hooks_count_boots_and_ends_in_the_masters_slot(metrics_directory: Path) -> None:
    run(HOOKS, metrics_directory)
    data = (metrics_directory / "counter_master-0.db").read_bytes()
    assert b"gunicorn_worker_boots_total" in data
    assert b"gunicorn_worker_exits_total" in data


@pytest.mark.parametrize("script", [EARLY, ASKED_BEFORE], ids=["", "after a look for the package"])
def test_metrics_built_before_the_application_is_loaded_are_shared(
    script: str, metrics_directory: Path
) -> None:
    assert run(script, metrics_directory) == "SlotValue\n"
    assert b'"early_total"' in (metrics_directory / "counter_master-0.db").read_bytes()
