"""uvicorn serving the reference project: a server without gunicorn's hooks."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT
from tests.servers.gunicorn import Gunicorn, environment
from tests.servers.ports import free_port, wait_for


@contextlib.contextmanager
def run_uvicorn(
    work: Path, *arguments: str, directory: Path, ready: str = "/api/health/live/", **extra: str
) -> Iterator[Gunicorn]:
    """Until the end of the block; its log is `work/uvicorn.log`."""
    work.mkdir(exist_ok=True)
    port, log = free_port(), work / "uvicorn.log"
    uvicorn = str(Path(sys.executable).with_name("uvicorn"))
    with log.open("ab") as output:
        master = subprocess.Popen(
            [uvicorn, "project.asgi:application", "--port", str(port), *arguments],
            cwd=ROOT,
            env=environment(directory, work, **extra),
            stdout=output,
            stderr=output,
        )
    server = Gunicorn(master, "127.0.0.1", port, directory, log)

    def answers() -> bool:
        assert master.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            return server.get(ready)[0] == 200
        return False

    try:
        wait_for("uvicorn", answers)
        yield server
    finally:
        master.terminate()
        try:
            master.wait(20)
        except subprocess.TimeoutExpired:
            master.kill()
            master.wait()
