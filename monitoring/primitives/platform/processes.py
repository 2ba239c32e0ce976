"""What the system tells of a process: from /proc, or by psutil where there is none.

On Linux it is /proc: every worker and gunicorn's master read it when they take a slot, and psutil
would cost each of them 4 MiB. For the exporter, psutil takes twice the time.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

_HAS_PROC = os.path.exists("/proc/self/stat")  # noqa: PTH110
_HUNDREDTHS = 100
_LETTERS = {  # of psutil's words, those of proc(5)
    "running": "R", "disk-sleep": "D", "stopped": "T", "tracing-stop": "t", "zombie": "Z",
    "dead": "X",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """A process at one moment.

    `start` is a count of clock ticks from boot, or of hundredths of a second from 1970: with the
    pid, it identifies the process. `state` is a letter of proc(5): R running, S sleeping, D in a
    disk wait, T stopped, Z dead.
    """

    state: str
    parent: int
    start: int
    cpu_seconds: float
    threads: int
    virtual_bytes: int
    resident_bytes: int


def why_unknown() -> str:
    """Why nothing is known of any process; empty if it is."""
    return "" if _HAS_PROC or _psutil() else "there is no /proc, and psutil is not installed"


def raise_file_limit(wanted: int) -> None:
    """Let this process open so many files, or as many as it may."""
    try:
        import resource  # noqa: PLC0415  (Windows has none, and no such limit)
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS has a limit of its own below "infinity".
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


if _HAS_PROC:
    _PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
    _TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

    def stat_of(pid: int) -> ProcessStat | None:
        """The process; None if there is none, or it is in another pid namespace."""
        try:
            with open(f"/proc/{pid}/stat", errors="replace") as file:  # noqa: PTH123  (half the time of a Path)
                stat = file.read()
            # The name in parentheses may contain anything: fields are counted after its end.
            fields = stat[stat.rindex(")") + 2 :].split()
            return ProcessStat(
                state=fields[0],
                parent=int(fields[1]),
                start=int(fields[19]),
                cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND,
                threads=int(fields[17]),
                virtual_bytes=int(fields[20]),
                resident_bytes=int(fields[21]) * _PAGE_BYTES,
            )
        except (OSError, ValueError, IndexError):
            return None

    def arguments_of(pid: int) -> list[str]:
        """The command line; empty if it is unknown."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
                text = file.read().decode(errors="replace").rstrip("\0")
        except OSError:
            return []
        return text.split("\0") if text else []

    def open_files_of(pid: int) -> int | None:
        """How many files it has open; None if this user may not know."""
        try:
            return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  (counts without making paths)
        except OSError:
            return None

    def file_limit_of(pid: int) -> float | None:
        """How many files it may open; None if this user may not know."""
        try:
            with open(f"/proc/{pid}/limits") as file:  # noqa: PTH123
                lines = file.readlines()
        except OSError:
            return None
        for line in lines:
            if line.startswith("Max open files"):
                soft = line.split()[3]
                return float("inf") if soft == "unlimited" else float(soft)
        return None

    def started_at(start: int) -> float:
        """The Unix time of a `ProcessStat.start`."""
        return _boot_seconds() + start / _TICKS_PER_SECOND

    @cache
    def _boot_seconds() -> float:
        """When the machine started, in Unix seconds; 0 without /proc/stat.

        Read once: the kernel's figure moves when the clock is set, and a start time must not.
        """
        try:
            with open("/proc/stat") as file:  # noqa: PTH123
                return next(float(line.split()[1]) for line in file if line.startswith("btime "))
        except (OSError, ValueError, StopIteration):
            return 0.0

else:

    def stat_of(pid: int) -> ProcessStat | None:
        """The process; None if there is none, or this user may not know."""
        return _ask(pid, _stat)

    def arguments_of(pid: int) -> list[str]:
        """The command line; empty if it is unknown."""
        return _ask(pid, lambda process: list(process.cmdline())) or []

    def open_files_of(pid: int) -> int | None:
        """How many files it has open; None if it is unknown, as on Windows."""
        return _ask(pid, lambda process: process.num_fds())

    def file_limit_of(pid: int) -> float | None:
        """None: only Linux tells it of another process."""
        return None

    def started_at(start: int) -> float:
        """The Unix time of a `ProcessStat.start`."""
        return start / _HUNDREDTHS


def is_alive(pid: int) -> bool:
    """Whether there is such a process. (On Windows, os.kill(pid, 0) would send a Ctrl-C.)"""
    if not _HAS_PROC and (psutil := _psutil()) is not None:
        return bool(psutil.pid_exists(pid))
    if not hasattr(os, "fork"):  # Windows without psutil: there is one process of ours
        return pid == os.getpid()
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


@cache
def _psutil() -> Any:
    try:
        import psutil  # noqa: PLC0415  (not on Linux)
    except ImportError:
        return None
    return psutil


def _ask(pid: int, question: Callable[[Any], T]) -> T | None:
    psutil = _psutil()
    if psutil is None or pid <= 0:
        return None
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return question(process)
    except (psutil.Error, OSError, AttributeError):  # gone, not allowed, not on this system
        return None


def _stat(process: Any) -> ProcessStat:
    memory, times = process.memory_info(), process.cpu_times()
    return ProcessStat(
        state=_LETTERS.get(process.status(), "S"),
        parent=process.ppid(),
        start=round(process.create_time() * _HUNDREDTHS),
        cpu_seconds=times.user + times.system,
        threads=process.num_threads(),
        virtual_bytes=memory.vms,
        resident_bytes=memory.rss,
    )
