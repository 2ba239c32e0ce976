"""Where the repository is, for tests that read its files or run its programs."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# In memory, where there is such a place: for tests that make many directories.
MEMORY = "/dev/shm" if Path("/dev/shm").exists() else None
