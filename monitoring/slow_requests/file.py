"""The last slow requests in a file of a fixed number of fixed places."""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

from monitoring.slow_requests.details import SlowRequest
from monitoring.storage.ownership import give_to_owner

FILE = "slow_requests.ring"
PLACES = 100
PLACE_BYTES = 2048  # a path and a route of 300 characters each, and what they cost in UTF-8

_HEAD = struct.Struct("<QII")  # number, payload bytes, checksum of both and the payload
_PAYLOAD_BYTES = PLACE_BYTES - _HEAD.size


def add(directory: Path, requests: Iterable[SlowRequest]) -> None:
    """Write over the oldest ones. Raises OSError. Waits for other writers' microseconds."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(directory / FILE, flags, 0o600)
    try:
        give_to_owner(descriptor, directory)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        number = max((number for number, _ in _read(descriptor)), default=0)
        for request in requests:
            payload = request.encode().encode()
            if len(payload) > _PAYLOAD_BYTES:
                continue
            number += 1
            place = _pack(number, payload).ljust(PLACE_BYTES, b"\0")
            os.pwrite(descriptor, place, number % PLACES * PLACE_BYTES)
    finally:
        os.close(descriptor)


def read(directory: Path) -> list[SlowRequest]:
    """All there are, in any order; none if there is no file. A damaged place is left out."""
    try:
        descriptor = os.open(directory / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return []
    try:
        found = [SlowRequest.decode(payload) for _, payload in _read(descriptor)]
    finally:
        os.close(descriptor)
    return [request for request in found if request is not None]


def _read(descriptor: int) -> Iterable[tuple[int, bytes]]:
    data = os.pread(descriptor, PLACES * PLACE_BYTES, 0)
    for at in range(0, len(data) - _HEAD.size, PLACE_BYTES):
        number, length, checksum = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + min(length, _PAYLOAD_BYTES)]
        if number and _checksum(number, payload) == checksum:
            yield number, payload


def _pack(number: int, payload: bytes) -> bytes:
    return _HEAD.pack(number, len(payload), _checksum(number, payload)) + payload


def _checksum(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, number & 0xFFFFFFFF)
