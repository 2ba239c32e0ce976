"""The file of this host's last slow requests: a ring of 100 places, written by any process.

A place that is torn or damaged is skipped. What a request's payload means is opaque here.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from monitoring.primitives.lock_files import locked
from monitoring.primitives.platform import files
from monitoring.primitives.small_files import read_bounded

FILE = "slow_requests.ring"
PLACES = 100
PLACE_BYTES = 2048  # enough for a path and a route of MAX_PATH characters each, of most scripts

_HEAD = struct.Struct("<QII")  # number, payload bytes, checksum of both and the payload
PAYLOAD_BYTES = PLACE_BYTES - _HEAD.size


def add(directory: Path, payloads: Iterable[bytes]) -> int:
    """Overwrite the oldest places. Returns how many payloads are too long and so left out.

    Waits some microseconds for other writers. Raises OSError.
    """
    left_out = 0
    with locked(directory / FILE) as descriptor:
        data = files.read_at(descriptor, PLACES * PLACE_BYTES, 0)
        number = max((number for number, _ in _places(data)), default=0)
        for payload in payloads:
            if len(payload) > PAYLOAD_BYTES:
                left_out += 1
                continue
            number += 1
            place = _pack(number, payload).ljust(PLACE_BYTES, b"\0")
            files.write_at(descriptor, place, number % PLACES * PLACE_BYTES)
    return left_out


def read(directory: Path) -> list[bytes]:
    """The payloads of all intact places, in any order; none if the file is missing."""
    try:
        data = read_bounded(directory / FILE, PLACES * PLACE_BYTES)
    except OSError:
        return []
    return [payload for _, payload in _places(data)]


def _places(data: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(0, len(data) - _HEAD.size, PLACE_BYTES):
        number, length, checksum = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + min(length, PAYLOAD_BYTES)]
        if number and _checksum(number, payload) == checksum:
            yield number, payload


def _pack(number: int, payload: bytes) -> bytes:
    return _HEAD.pack(number, len(payload), _checksum(number, payload)) + payload


def _checksum(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, number & 0xFFFFFFFF)
