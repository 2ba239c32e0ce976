"""Real servers for the integration tests."""

import shutil
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
