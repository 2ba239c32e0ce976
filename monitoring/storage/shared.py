"""One merger for each process and directory: scrapes and summaries share what it has learned."""

import os
from functools import lru_cache
from pathlib import Path

from monitoring.storage import values
from monitoring.storage.merge import Merger


def shared_merger(directory: Path) -> Merger:
    """This process's merger. A forked child gets its own: the parent's lock may be held."""
    return _merger_of(directory, os.getpid())


@lru_cache(maxsize=2)
def _merger_of(directory: Path, pid: int) -> Merger:
    return Merger(directory, values.count_corrupt_file)
