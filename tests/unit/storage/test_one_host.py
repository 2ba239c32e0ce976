"""The metrics directory is one host's own: another host, and a shared file system, are told."""

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from monitoring.storage.one_host import Host, mark, network_file_system, other_host

HERE = Host("web1", "kernel-1")
MOUNTS = [
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
    "30 22 0:26 / /srv rw,relatime shared:1 - nfs4 host:/srv rw",
    r"31 30 0:27 / /srv/in\040memory rw - tmpfs tmpfs rw",
    "32 22 0:28 / /data rw - ext4 /dev/vdb rw",
    "33 32 0:29 / /data rw - fuse.sshfs host: rw",
    "nonsense",
]


@pytest.mark.parametrize(
    ("then", "name"),
    [
        (HERE, None),
        (Host("web1", "kernel-0"), None),  # the same host before it was started anew
        (Host("another-container", "kernel-1"), None),  # on the same kernel: locks work
        (Host("web2", "kernel-2"), "web2"),
    ],
)
def test_another_host_is_one_of_another_name_and_another_kernel(
    then: Host, name: str | None, tmp_path: Path
) -> None:
    mark(tmp_path, then)
    assert other_host(tmp_path, HERE) == name


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\x00", b'{"name": 1}', b"7", b"{" * 5000])
def test_a_damaged_mark_says_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "host.json").write_bytes(content)
    assert other_host(tmp_path) is None


def test_a_name_is_shown_at_a_bounded_length(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text(json.dumps({"name": "x" * 500, "boot": "b"}))
    assert other_host(tmp_path) == "x" * 100


def test_a_directory_is_marked_as_this_host_s(tmp_path: Path) -> None:
    mark(tmp_path)
    assert other_host(tmp_path) is None
    assert other_host(tmp_path, HERE) == socket.gethostname()


def test_the_mark_leaves_no_draft(tmp_path: Path) -> None:
    mark(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["host.json"]


def test_a_directory_in_memory_is_on_no_network() -> None:
    assert network_file_system(Path("/dev/shm")) is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/metrics", "nfs4"),
        ("/srv", "nfs4"),
        ("/srvs/metrics", None),
        ("/srv/in memory/metrics", None),
        ("/data/metrics", "fuse.sshfs"),
        ("/var", None),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(
    path: str, kind: str | None, tmp_path: Path
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("\n".join(MOUNTS))
    assert network_file_system(Path(path), mounts) == kind


def test_without_a_list_of_mounts_nothing_is_said(tmp_path: Path) -> None:
    assert network_file_system(Path("/srv"), tmp_path / "mountinfo") is None


def test_the_mark_is_for_its_owner_alone_and_follows_no_link(tmp_path: Path) -> None:
    directory, victim = tmp_path / "metrics", tmp_path / "victim"
    directory.mkdir()
    victim.write_text("untouched")
    draft = directory / f"host.json.{os.getpid()}.tmp"
    draft.symlink_to(victim)
    mark(directory)  # the link goes, and nothing is written through it
    assert victim.read_text() == "untouched"
    assert not draft.is_symlink()
    assert not (directory / "host.json").is_symlink()
    assert stat.S_IMODE((directory / "host.json").stat().st_mode) == 0o600
