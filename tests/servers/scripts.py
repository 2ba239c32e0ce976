"""A Python script in a process of its own, in the project's folder with a server's environment."""

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tests.servers.gunicorn import environment


def run_script(
    script: str, *arguments: str, work: Path, settings: str = "project.settings", **extra: str
) -> str:
    """What it prints; it must end with 0. The database is in `work`; no server has its metrics."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=environment(work / "unused-metrics", work, DJANGO_SETTINGS_MODULE=settings, **extra),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
