"""The thresholds as last read, in the metrics directory: for a start while the database is away."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from monitoring.alerts.threshold_names import DEFINITIONS
from monitoring.storage.ownership import give_to_owner

_FILE = "thresholds.json"
_MAX_BYTES = 65536

Thresholds = Mapping[str, float | None]


def load(directory: Path) -> Thresholds | None:
    """None if there are none, or they cannot be understood."""
    try:
        found = json.loads((directory / _FILE).read_bytes()[:_MAX_BYTES])
        return {
            name: None if (value := found[name]) is None else float(value) for name in DEFINITIONS
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(directory: Path, thresholds: Thresholds) -> None:
    """Replace the file as one; processes that do so at one time write the same. Raises OSError."""
    draft = directory / f"{_FILE}.{os.getpid()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            give_to_owner(descriptor, directory)
            json.dump(dict(thresholds), file)
        draft.replace(directory / _FILE)
    except OSError:  # no space, say: every process would leave one
        draft.unlink(missing_ok=True)
        raise
