"""The file in which gunicorn's master tells the exporter how it was started."""

from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.primitives.small_files import read_json, write_json

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
    write_json(directory / _FILE, asdict(facts))


def forget_facts(directory: Path) -> None:
    """Delete the file of a gunicorn that another server has followed. Raises OSError."""
    (directory / _FILE).unlink(missing_ok=True)


def read_facts(directory: Path) -> ServerFacts | None:
    """The facts; None if there is no gunicorn, or its file cannot be understood."""
    record = read_json(directory / _FILE, _MAX_BYTES)
    try:
        return ServerFacts(
            tuple((str(address), int(port)) for address, port in record["listeners"]),
            int(record["backlog"]),
            int(record["workers"]),
        )
    except (ValueError, KeyError, TypeError):
        return None
