"""The queues of listening TCP sockets: connections that no worker has accepted yet."""

import ipaddress
import socket
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"


def listen_queues() -> dict[tuple[str, int], int]:
    """Accept-queue lengths by (address, port) of this network namespace's listening sockets.

    In /proc/net/tcp the receive queue of a listening socket is its accept queue. Sockets that
    share an address (SO_REUSEPORT) are added up. Empty where /proc cannot be read.
    """
    queues: dict[tuple[str, int], int] = defaultdict(int)
    for path, family in (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6)):
        for address, port, queue in _listening(Path(path), family):
            queues[address, port] += queue
    return dict(queues)


def somaxconn() -> int | None:
    """The kernel's upper limit of an accept queue; None where /proc cannot be read."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except (OSError, ValueError):
        return None


def _listening(path: Path, family: socket.AddressFamily) -> Iterator[tuple[str, int, int]]:
    try:
        with path.open() as lines:
            # A busy host has thousands of connections and few listeners.
            listeners = [
                fields for line in lines if (fields := line.split(maxsplit=5))[3] == _LISTEN
            ]
    except OSError:
        return
    for _, local, _, _, queues, *_ in listeners:
        address, _, port = local.partition(":")
        _, _, received = queues.partition(":")
        yield _address(address, family), int(port, 16), int(received, 16)


def _address(text: str, family: socket.AddressFamily) -> str:
    """The kernel prints an address as 32-bit words in the machine's byte order."""
    raw = b"".join(
        int(text[start : start + 8], 16).to_bytes(4, sys.byteorder)
        for start in range(0, len(text), 8)
    )
    packed: ipaddress.IPv4Address | ipaddress.IPv6Address = (
        ipaddress.IPv4Address(raw) if family == socket.AF_INET else ipaddress.IPv6Address(raw)
    )
    return str(packed)
