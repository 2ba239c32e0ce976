"""Reads the last entries of the slow query log, written by any process."""

import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from monitoring.figures.ranking import EVERY, Selection
from monitoring.instruments.databases.query_log import REPEATED, SLOW, Origin
from monitoring.primitives.encodable import encodable

MOST_RECENT = 10  # entries of a kind in an answer

_TAIL_BYTES = 256 * 1024
_ORIGIN = tuple(field.name for field in fields(Origin))
_KEPT = {
    SLOW: ("fingerprint", "sql", "duration_ms", "alias", *_ORIGIN, "rows"),
    REPEATED: ("fingerprint", "sql", "count", "alias", *_ORIGIN),
}


def recent(
    path: Path | None, event: str, selection: Selection = EVERY, limit: int = MOST_RECENT
) -> list[dict[str, Any]]:
    """The newest entries of this kind of event, newest first, with `timestamp` in Unix seconds.

    Reads the end of the log and of the newest rotated file. Never raises: a log that is missing or
    unreadable has no entries.
    """
    if path is None:
        return []
    found: list[dict[str, Any]] = []
    for file in (path, path.with_name(f"{path.name}.1")):
        for entry in _entries(file):
            if entry.get("event") == event and selection.has(
                entry.get("method"), entry.get("route")
            ):
                found.append(_shown(entry, event))
                if len(found) == limit:
                    return found
    return found


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    """The entries in the last 256 KiB, newest first; invalid lines are skipped."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(size - _TAIL_BYTES, 0)
            file.seek(start)
            lines = file.read(_TAIL_BYTES).split(b"\n")
    except OSError:
        return
    for line in reversed(lines[1:] if start else lines):
        try:
            entry = json.loads(line)
            entry["timestamp"] = datetime.fromisoformat(entry["time"]).timestamp()
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
            continue
        yield entry


def _shown(entry: dict[str, Any], event: str) -> dict[str, Any]:
    kept = {name: _encodable(entry.get(name)) for name in _KEPT[event]}
    return {"timestamp": entry["timestamp"], **kept}


def _encodable(value: Any) -> Any:
    """Without the lone surrogates that JSON can write and UTF-8 cannot."""
    return encodable(value) if isinstance(value, str) else value
