"""Real servers for the integration tests."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.small_disk import small_disk


@pytest.fixture
def shm_directory() -> Iterator[Path]:
    """A path for a metrics directory in memory; the server creates it."""
    parent = Path(tempfile.mkdtemp(prefix="monitoring-test-", dir="/dev/shm"))
    yield parent / "metrics"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of 2 MiB."""
    with small_disk(tmp_path / "small", "2m") as path:
        yield path
