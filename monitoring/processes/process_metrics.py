"""Process metrics of each slot, read from /proc: stock multiprocess mode has none.

A slot's lock file names its owner by pid and start time, so a reused pid is never mistaken for it.
A process takes about 60 µs: a hundred slots take 6 ms.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prometheus_client.core import Metric

from monitoring.metrics import derived
from monitoring.storage.slots import Owner, is_held, list_lock_files, read_owner

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One live process; `start_seconds` is Unix time. None: this user lacks the permission."""

    owner: Owner
    state: str  # proc(5): R running, S sleeping, D in a disk wait, T stopped, Z dead
    cpu_seconds: float
    start_seconds: float
    resident_bytes: int
    virtual_bytes: int
    threads: int
    open_fds: int | None
    max_fds: float | None


@dataclass(frozen=True, slots=True)
class Slots:
    """All slots of a directory at one moment."""

    states: Counter[tuple[str, str]]  # (role, "held" or "free") -> slots
    processes: tuple[ProcessState, ...]


def read_slots(directory: Path) -> Slots:
    """Every slot, and the process that holds it. A process that cannot be read is left out."""
    boot = _boot_seconds()
    states: Counter[tuple[str, str]] = Counter()
    processes = []
    for path in list_lock_files(directory):
        role = path.name.partition("-")[0]
        held = is_held(path)
        states[role, "held" if held else "free"] += 1
        owner = read_owner(path) if held else None
        process = _read_process(owner, boot) if owner else None
        if process is not None:
            processes.append(process)
    return Slots(states, tuple(processes))


def read_states(directory: Path, role: str) -> dict[str, str]:
    """The process state, as in proc(5), by held slot of a role; about 50 µs for each."""
    states = {}
    for path in list_lock_files(directory):
        if path.name.startswith(f"{role}-") and is_held(path):
            owner = read_owner(path)
            fields = _stat_fields(owner) if owner else None
            if owner is not None and fields is not None:
                states[owner.slot] = fields[0]
    return states


def slot_metrics(slots: Slots) -> Iterator[Metric]:
    """`monitoring_slots` and the process families."""
    counts = derived.SLOTS.new()
    for (role, state), count in sorted(slots.states.items()):
        counts.add_metric([role, state], count)
    yield counts
    yield from _process_metrics(slots.processes)


def _process_metrics(processes: Iterable[ProcessState]) -> Iterator[Metric]:
    cpu = derived.PROCESS_CPU.new()
    resident = derived.PROCESS_RESIDENT.new()
    virtual = derived.PROCESS_VIRTUAL.new()
    started = derived.PROCESS_START.new()
    threads = derived.PROCESS_THREADS.new()
    open_fds = derived.PROCESS_OPEN_FDS.new()
    max_fds = derived.PROCESS_MAX_FDS.new()
    for process in processes:
        labels = [process.owner.slot, process.owner.role]
        cpu.add_metric(labels, process.cpu_seconds)
        resident.add_metric(labels, process.resident_bytes)
        virtual.add_metric(labels, process.virtual_bytes)
        started.add_metric(labels, process.start_seconds)
        threads.add_metric(labels, process.threads)
        if process.open_fds is not None:
            open_fds.add_metric(labels, process.open_fds)
        if process.max_fds is not None:
            max_fds.add_metric(labels, process.max_fds)
    yield from (cpu, resident, virtual, started, threads, open_fds, max_fds)


def _read_process(owner: Owner, boot: float) -> ProcessState | None:
    """The owner's process; None if it is gone, or is in another pid namespace."""
    fields = _stat_fields(owner)
    if fields is None:
        return None
    root = Path(f"/proc/{owner.pid}")
    return ProcessState(
        owner=owner,
        state=fields[0],
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND,
        start_seconds=boot + owner.start_ticks / _TICKS_PER_SECOND,
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
        virtual_bytes=int(fields[20]),
        threads=int(fields[17]),
        open_fds=_open_fds(root),
        max_fds=_max_fds(root),
    )


def _stat_fields(owner: Owner) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None if the owner is gone."""
    try:
        with open(f"/proc/{owner.pid}/stat") as file:  # noqa: PTH123  (half the time of a Path)
            stat = file.read()
        # The name in parentheses may contain anything: fields are counted after its end.
        fields = stat[stat.rindex(")") + 2 :].split()
        return fields if int(fields[19]) == owner.start_ticks else None
    except (OSError, ValueError, IndexError):
        return None


def _open_fds(root: Path) -> int | None:
    try:
        return len(os.listdir(root / "fd"))  # noqa: PTH208  (counts without making paths)
    except OSError:
        return None


def _max_fds(root: Path) -> float | None:
    try:
        limits = (root / "limits").read_text()
    except OSError:
        return None
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return float("inf") if soft == "unlimited" else float(soft)
    return None


@cache
def _boot_seconds() -> float:
    """When the machine started, in Unix seconds; 0 without /proc/stat.

    Read once: the kernel's figure moves when the clock is set, and a start time must not.
    """
    try:
        for line in Path("/proc/stat").read_text().splitlines():
            if line.startswith("btime "):
                return float(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0.0
