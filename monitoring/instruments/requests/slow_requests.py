"""Details of the last slow requests: in Redis for all hosts, else in a file of this host."""

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

from monitoring.backing_services.redis_client import redis_store
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.instruments.background import Background
from monitoring.instruments.request_headers import path_of, request_id_of
from monitoring.primitives.lock_files import locked
from monitoring.primitives.small_files import read_bounded
from monitoring.storage import own_counters
from monitoring.storage.directory import configured_directory

if TYPE_CHECKING:
    from redis import Redis

KEPT = 100
WRITE_SECONDS = 1.0  # in the background thread
READ_SECONDS = 0.1

FILE = "slow_requests.ring"
PLACES = 100
PLACE_BYTES = 2048  # enough for a path and a route of 300 characters each in UTF-8

_MAX_WAITING = 1000

_HEAD = struct.Struct("<QII")  # number, payload bytes, checksum of both and the payload
_PAYLOAD_BYTES = PLACE_BYTES - _HEAD.size


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """`timestamp` is the end of the request in Unix seconds."""

    method: str
    route: str
    path: str
    status: int
    duration_ms: float
    timestamp: float
    request_id: str | None

    def encode(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str | bytes) -> "SlowRequest | None":
        """None if the text is not an encoded slow request."""
        try:
            record = json.loads(text)
            return cls(
                method=str(record["method"]),
                route=str(record["route"]),
                path=str(record["path"]),
                status=int(record["status"]),
                duration_ms=float(record["duration_ms"]),
                timestamp=float(record["timestamp"]),
                request_id=None if record["request_id"] is None else str(record["request_id"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def keep_details(
    request: HttpRequest, method: str, route: str, status: int, seconds: float
) -> None:
    """Queue the details of a slow request: microseconds, no I/O. A full queue counts a drop."""
    details = SlowRequest(
        method=method,
        route=route[:300],
        path=path_of(request),
        status=status,
        duration_ms=round(1000 * seconds, 3),
        timestamp=round(time(), 3),
        request_id=request_id_of(request),
    )
    _background().put(details, own_counters.SLOW_REQUESTS)


@cache
def _background() -> Background[SlowRequest]:
    return Background("monitoring-slow-requests", _write, _MAX_WAITING)


def _write(batch: Sequence[SlowRequest]) -> None:
    keep(configured_directory(), batch)


def keep(directory: Path, requests: Sequence[SlowRequest]) -> None:
    """Store in Redis, or in the file if Redis is not set or does not answer. Raises OSError."""
    redis = redis_store(WRITE_SECONDS)
    if redis is not None:
        try:
            redis.run(lambda client: _send(client, requests))
            return
        except RedisUnavailableError:
            pass
    _add_to_file(directory, requests)


def last(directory: Path, count: int) -> list[SlowRequest]:
    """The last `count` slow requests, newest first, from Redis and the file together.

    The file holds those that ended while Redis was down. They are sorted by their end, because
    processes write them a little later, in any order.
    """
    found = _read_file(directory)
    redis = redis_store(READ_SECONDS)
    if redis is not None:
        with contextlib.suppress(RedisUnavailableError):
            found += redis.run(_fetch)
    return sorted(found, key=lambda request: request.timestamp, reverse=True)[:count]


def _send(client: "Redis", requests: Sequence[SlowRequest]) -> None:
    pipeline = client.pipeline(transaction=False)
    for request in requests:
        pipeline.xadd(_key(), {"request": request.encode()}, maxlen=KEPT, approximate=False)
    pipeline.execute()


def _fetch(client: "Redis") -> list[SlowRequest]:
    entries = cast(list[tuple[str, dict[str, str]]], client.xrevrange(_key(), count=KEPT))
    found = (SlowRequest.decode(fields.get("request", "")) for _, fields in entries)
    return [request for request in found if request is not None]


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}slow_requests"


def _add_to_file(directory: Path, requests: Iterable[SlowRequest]) -> None:
    """Overwrite the oldest places. Waits some microseconds for other writers. Raises OSError."""
    with locked(directory / FILE) as descriptor:
        data = os.pread(descriptor, PLACES * PLACE_BYTES, 0)
        number = max((number for number, _ in _places(data)), default=0)
        for request in requests:
            payload = request.encode().encode()
            if len(payload) > _PAYLOAD_BYTES:
                continue
            number += 1
            place = _pack(number, payload).ljust(PLACE_BYTES, b"\0")
            os.pwrite(descriptor, place, number % PLACES * PLACE_BYTES)


def _read_file(directory: Path) -> list[SlowRequest]:
    """All intact places, in any order; empty if the file is missing."""
    try:
        data = read_bounded(directory / FILE, PLACES * PLACE_BYTES)
    except OSError:
        return []
    found = [SlowRequest.decode(payload) for _, payload in _places(data)]
    return [request for request in found if request is not None]


def _places(data: bytes) -> Iterable[tuple[int, bytes]]:
    for at in range(0, len(data) - _HEAD.size, PLACE_BYTES):
        number, length, checksum = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + min(length, _PAYLOAD_BYTES)]
        if number and _checksum(number, payload) == checksum:
            yield number, payload


def _pack(number: int, payload: bytes) -> bytes:
    return _HEAD.pack(number, len(payload), _checksum(number, payload)) + payload


def _checksum(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, number & 0xFFFFFFFF)
