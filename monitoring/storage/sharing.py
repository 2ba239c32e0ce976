"""Whether the metrics directory is this host's alone: file locks and shared memory end there."""

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from monitoring.storage.ownership import give_to_owner

_MARKER = "host.json"
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Host:
    """A running kernel: containers on one kernel have the same `boot`."""

    name: str
    boot: str


def this_host() -> Host:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    return Host(socket.gethostname(), boot)


def mark(directory: Path) -> None:
    """Note that this host uses the directory. Raises OSError."""
    draft = directory / f"{_MARKER}.{os.getpid()}.tmp"
    # No link is followed: root may write here, in another user's directory.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o600)
    with os.fdopen(descriptor, "w") as file:
        give_to_owner(descriptor, directory)
        json.dump(asdict(this_host()), file)
    draft.replace(directory / _MARKER)


def other_host(directory: Path) -> str | None:
    """The name of the host that last began to use the directory, if it is another one.

    A host that was started anew is told by its name, a container by its kernel.
    """
    try:
        found = json.loads((directory / _MARKER).read_bytes()[:1000])
        name, boot = str(found["name"]), str(found["boot"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    ours = this_host()
    return None if ours.name == name or ours.boot == boot else name[:100]


def network_file_system(path: Path) -> str | None:
    """The type of the file system that the path is on, if it is one that hosts share."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    return _network_type(path.resolve(), mounts)


def _network_type(path: Path, mounts: list[str]) -> str | None:
    """By the longest mount point above the path; of those mounted on each other, the last.

    Lines as in proc(5): the mount point is the fifth field, the type follows the lone hyphen.
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
