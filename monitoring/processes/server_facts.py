"""The file in which gunicorn's master tells the exporter how it was started."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.primitives.small_files import give_to_owner

_FILE = "gunicorn.json"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """How the server was started. `listeners` are (address, port) of its TCP sockets."""

    listeners: tuple[tuple[str, int], ...]
    backlog: int
    workers: int


def write_facts(directory: Path, facts: ServerFacts) -> None:
    """Replace the file as one. Raises OSError."""
    draft = directory / f"{_FILE}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        give_to_owner(descriptor, directory)
        json.dump(asdict(facts), file)
    draft.replace(directory / _FILE)


def read_facts(directory: Path) -> ServerFacts | None:
    """The facts; None if there is no gunicorn, or its file cannot be understood."""
    try:
        record = json.loads((directory / _FILE).read_text()[:65536])
        return ServerFacts(
            tuple((str(address), int(port)) for address, port in record["listeners"]),
            int(record["backlog"]),
            int(record["workers"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
