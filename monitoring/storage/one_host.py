"""Tells whether the metrics directory is of this host alone: its locks and memory end there."""

import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.primitives.platform.boot_clock import boot_id
from monitoring.primitives.small_files import read_json, write_json

MOUNTS = Path("/proc/self/mountinfo")

_MARKER = "host.json"
_MARKER_BYTES = 1000
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Host:
    """A host name and its boot; containers on one kernel have the same `boot`."""

    name: str
    boot: str


def this_host() -> Host:
    return Host(socket.gethostname(), boot_id())


def mark(directory: Path, host: Host | None = None) -> None:
    """Record that the host (default: this one) uses the directory. Raises OSError."""
    write_json(directory / _MARKER, asdict(host or this_host()))


def other_host(directory: Path, host: Host | None = None) -> str | None:
    """The name of the last host that used the directory; None if it is `host` (default: this one).

    Hosts are equal by name (after a reboot) or by boot (containers on one kernel).
    """
    found = read_json(directory / _MARKER, _MARKER_BYTES)
    try:
        name, boot = str(found["name"]), str(found["boot"])
    except (KeyError, TypeError):
        return None
    ours = host or this_host()
    return None if ours.name == name or ours.boot == boot else name[:100]


def mark_host(directory: Path) -> list[str]:
    """Record this host as the user of the directory. Returns what is to be warned of."""
    problems: list[str] = []
    if (other := other_host(directory)) is not None:
        problems.append(
            f"the metrics directory was last used by the host {other!r}: each needs one of its own"
        )
    try:
        mark(directory)
    except OSError as error:
        problems.append(f"the metrics directory cannot be marked as this host's: {error}")
    return problems


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the path's file system if several hosts can share it, else None.

    `mounts` is a file such as /proc/self/mountinfo; None if it cannot be read.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    return _network_type(path.resolve(), lines)


def _network_type(path: Path, mounts: list[str]) -> str | None:
    """The type at the longest mount point above the path; of equal ones, the last is visible.

    Line format, proc(5): the mount point is the fifth field, the type follows the single hyphen.
    """
    found, longest = "", -1
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))  # a space is \040
        if path.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = after.split(" ")[0], len(point.parts)
    return found if found in _NETWORK else None
