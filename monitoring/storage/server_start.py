"""Finds whether a web process without `prepare()` begins a new run of the site, and wipes then.

Such servers (uvicorn, uWSGI, …) have no hook that runs once, before their workers. So each web
process asks at its first write: does any server still hold the directory, or does a server that was
here before still run? Commands, Celery and the exporter neither ask nor count as servers.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from monitoring.primitives.platform.boot_clock import boot_id
from monitoring.primitives.platform.processes import arguments_of, stat_of
from monitoring.primitives.small_files import read_json, write_json
from monitoring.storage.directory import MasterLock
from monitoring.storage.one_host import mark_host
from monitoring.storage.slots import WEB, role_of

SERVERS_FILE = "servers.json"

_RECORD_BYTES = 10_000
_MOST_SERVERS = 100
_MOST_ANCESTORS = 32
_INTERPRETERS = ("python", "pypy")
_OPTIONS_WITH_VALUE = ("-X", "-W")

Process = tuple[int, int]  # pid, and its `ProcessStat.start`: a pid is used again

_calls: list[Callable[[Path], None]] = []


def at_fresh_start(call: Callable[[Path], None]) -> None:
    """Register a call that gets the directory when its old counts have been wiped. May raise."""
    if call not in _calls:
        _calls.append(call)


def join(directory: Path, *, may_begin: bool) -> tuple[MasterLock, str]:
    """Hold the directory as a server; if this begins a new run of the site, wipe free slots first.

    Returns the lock, which is held until the process ends, and what went wrong, if anything did.
    Raises OSError if the directory cannot be used.
    """
    lock = MasterLock(directory)
    problems: list[str] = []
    server = find_server()

    def is_new() -> bool:
        return may_begin and not any(_is_alive(known) for known in _read(directory))

    try:
        if lock.start(may_wipe=is_new):
            problems += _follow_wipe(directory)
    except OSError as error:  # the lock is held all the same
        problems.append(f"counts of an earlier run stay: {error}")
    try:
        _record(directory, server)
    except OSError as error:  # the wipe comes too often then: after each worker, if it is alone
        problems.append(f"the server cannot be recorded: {error}")
    return lock, "; ".join(problems)


def _follow_wipe(directory: Path) -> list[str]:
    problems: list[str] = []
    for call in _calls:
        try:
            call(directory)
        except Exception as error:
            problems.append(f"a fresh start is incomplete: {error!r}")
    return [*problems, *mark_host(directory)]


def find_server() -> Process | None:
    """The topmost process of this process's server: itself, or its master. None if unknown.

    A server that starts a new worker in place of an old one goes on; one that ended does not.
    """
    own = arguments_of(os.getpid())
    found = os.getpid()
    for _ in range(_MOST_ANCESTORS):
        stat = stat_of(found)
        parent = stat.parent if stat else 0
        arguments = arguments_of(parent) if parent > 0 else []
        if not arguments or not (arguments == own or is_server(arguments)):
            break
        found = parent
    start = _start(found)
    return None if start is None else (found, start)


def is_server(arguments: Sequence[str]) -> bool:
    """Whether a process with this command line, or this title, is a web server.

    uWSGI's emperor is none: it outlives the servers that it starts.
    """
    rest = _without_interpreter(arguments)
    if not rest or any(argument.startswith("--emperor") for argument in rest):
        return False
    # A title such as `gunicorn: master [shop]` or `uWSGI master` is one argument.
    first = rest[0].split(" ")[0].rstrip(":")
    program = PurePath(first).name.lower()
    return program.startswith("uwsgi") or role_of([first, *rest[1:]]) == WEB


def _without_interpreter(arguments: Sequence[str]) -> list[str]:
    """The program and its arguments, without `python`, its options and `-m`."""
    rest = list(arguments)
    if not rest or not PurePath(rest[0]).name.startswith(_INTERPRETERS):
        return rest
    del rest[0]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "-m":
            break
        if option in _OPTIONS_WITH_VALUE:
            del rest[:1]
    return rest


def _start(pid: int) -> int | None:
    stat = stat_of(pid)
    # A zombie has ended, though its parent has not noticed.
    return None if stat is None or stat.state in "ZX" else stat.start


def _is_alive(process: Process) -> bool:
    return _start(process[0]) == process[1]


def _read(directory: Path) -> list[Process]:
    """The servers that were recorded since this boot."""
    record = read_json(directory / SERVERS_FILE, _RECORD_BYTES)
    with contextlib.suppress(KeyError, TypeError, ValueError):
        if record["boot"] == boot_id():
            return [(int(pid), int(ticks)) for pid, ticks in record["servers"]]
    return []


def _record(directory: Path, server: Process | None) -> None:
    known = _read(directory)
    if server is None or server in known:
        return
    alive = [process for process in known if _is_alive(process)]
    servers = [*alive, server][-_MOST_SERVERS:]
    write_json(directory / SERVERS_FILE, {"boot": boot_id(), "servers": servers})
