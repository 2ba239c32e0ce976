"""Real servers for the integration tests."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def shm_directory() -> Iterator[Path]:
    """A path for a metrics directory in memory; the server creates it."""
    parent = Path(tempfile.mkdtemp(prefix="monitoring-test-", dir="/dev/shm"))
    yield parent / "metrics"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of 2 MiB."""
    path = tmp_path / "small"
    path.mkdir(mode=0o700)
    assert os.geteuid() == 0, "this test mounts a tmpfs: run it as root"
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(path)], check=True
    )
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def fill(directory: Path) -> Path:
    """Write until there is not one byte left."""
    path = directory / "filler"
    size = 65536
    with path.open("ab", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    return path
