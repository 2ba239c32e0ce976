"""Systems that cannot be had here: a Python without what they lack."""

import os
from pathlib import Path

SITE = Path(__file__).parent / "site"
VARIABLE = "TESTED_PLATFORM"  # tests/platforms/site/sitecustomize.py reads it
PLATFORMS = ("macos", "windows")

# What a test may need, and the systems that lack it: see docs/platforms.md.
LACKING = {
    "proc": ("macos", "windows"),  # /proc, and mount points
    "shm": ("macos", "windows"),  # /dev/shm
    "fallocate": ("macos", "windows"),  # posix_fallocate fills holes too
    "fork": ("windows",),
    "flock": ("windows",),  # locks that several share, and gunicorn, which needs them
    "signals": ("windows",),  # SIGKILL, SIGALRM and the like
    "owners": ("windows",),  # uids, modes, chown
    "moves": ("windows",),  # an open file can be renamed, deleted, replaced or cut short
    "rlimits": ("windows",),
    "pipes": ("windows",),  # mkfifo
    "links": ("windows",),  # O_NOFOLLOW
}


def tested() -> str:
    """The system that this process is tested as; empty: as it is."""
    return os.environ.get(VARIABLE, "")


def environment(platform: str) -> dict[str, str]:
    """What makes each Python that is started with it lack what the system lacks."""
    paths = [str(SITE), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {VARIABLE: platform, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
