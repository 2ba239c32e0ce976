"""The file in which gunicorn's master tells the exporter how it was started."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.primitives.small_files import read_bounded, replace_whole

_FILE = "gunicorn.json"
_MAX_BYTES = 65536


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """How the server was started. `listeners` are (address, port) of its TCP sockets."""

    listeners: tuple[tuple[str, int], ...]
    backlog: int
    workers: int


def write_facts(directory: Path, facts: ServerFacts) -> None:
    """Replace the file as one. Raises OSError."""
    replace_whole(directory / _FILE, json.dumps(asdict(facts)).encode())


def read_facts(directory: Path) -> ServerFacts | None:
    """The facts; None if there is no gunicorn, or its file cannot be understood."""
    try:
        record = json.loads(read_bounded(directory / _FILE, _MAX_BYTES))
        return ServerFacts(
            tuple((str(address), int(port)) for address, port in record["listeners"]),
            int(record["backlog"]),
            int(record["workers"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
