"""Keeps the details of the last slow requests: in Redis for all hosts, else in a file of this host.

`last`, which the reading side calls, stays beside the writer: their record has one home.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpRequest

from monitoring.backing_services.redis_client import READ_SECONDS, WRITE_SECONDS, redis_store
from monitoring.conf import get_settings
from monitoring.errors import RedisUnavailableError
from monitoring.instruments.background import Background
from monitoring.instruments.request_headers import MAX_PATH, path_of, request_id_of
from monitoring.instruments.requests import slow_request_file
from monitoring.storage import own_counters, this_process
from monitoring.storage.directory import configured_directory
from monitoring.storage.self_report import report_failure

if TYPE_CHECKING:
    from redis import Redis

KEPT = 100
_MAX_WAITING = 1000
_KEPT_CHARACTERS = (MAX_PATH, MAX_PATH // 2, MAX_PATH // 3, MAX_PATH // 6)


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
        """JSON that has a place in the file: JSON takes six bytes for a control character.

        Path and route are cut further if they need more than their share.
        """
        text = ""
        for most in _KEPT_CHARACTERS:
            record = {**asdict(self), "path": self.path[:most], "route": self.route[:most]}
            text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            if len(text.encode()) <= slow_request_file.PAYLOAD_BYTES:
                break
        return text

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
                duration_ms=_finite(record["duration_ms"]),
                timestamp=_finite(record["timestamp"]),
                request_id=None if record["request_id"] is None else str(record["request_id"]),
            )
        except (LookupError, TypeError, ValueError, OverflowError, RecursionError):
            return None


def _finite(value: Any) -> float:
    """Raises ValueError for NaN and infinity, which are no JSON."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no time")
    return number


def keep_details(
    request: HttpRequest, method: str, route: str, status: int, seconds: float
) -> None:
    """Queue the details of a slow request: microseconds, no I/O. A full queue counts a drop."""
    details = SlowRequest(
        method=method,
        route=route[:MAX_PATH],
        path=path_of(request),
        status=status,
        duration_ms=round(1000 * seconds, 3),
        timestamp=round(time(), 3),
        request_id=request_id_of(request),
    )
    _background().put(details, own_counters.DROP_SLOW_REQUESTS)


@cache
def _background() -> Background[SlowRequest]:
    return Background("monitoring-slow-requests", _write, _MAX_WAITING)


def _write(batch: Sequence[SlowRequest]) -> None:
    try:
        _store(configured_directory(), batch)
    except OSError:  # Redis is away, and the disk is full or read-only
        for _ in batch:
            this_process.drop(own_counters.DROP_SLOW_REQUESTS)
        report_failure("details of slow requests could not be stored")


def _store(directory: Path, requests: Sequence[SlowRequest]) -> None:
    """Store in Redis, or in the file if Redis is not set or does not answer. Raises OSError."""
    redis = redis_store(WRITE_SECONDS)
    if redis is not None:
        try:
            redis.run(lambda client: _send(client, requests))
            return
        except RedisUnavailableError:
            pass
    left_out = slow_request_file.add(directory, [each.encode().encode() for each in requests])
    for _ in range(left_out):
        this_process.drop(own_counters.DROP_SLOW_REQUESTS)


def last(
    directory: Path, count: int, chosen: Callable[[str, str], bool] | None = None
) -> list[SlowRequest]:
    """The last `count` slow requests, newest first, from Redis and the file together.

    `chosen` tells by method and route which of those that are kept are meant.
    The file holds those that ended while Redis was down. They are sorted by their end, because
    processes write them a little later, in any order.
    """
    found = _decoded(slow_request_file.read(directory))
    redis = redis_store(READ_SECONDS)
    if redis is not None:
        with contextlib.suppress(RedisUnavailableError):
            found += redis.run(_fetch)
    if chosen is not None:
        found = [each for each in found if chosen(each.method, each.route)]
    return sorted(found, key=lambda request: request.timestamp, reverse=True)[:count]


def _send(client: "Redis", requests: Sequence[SlowRequest]) -> None:
    pipeline = client.pipeline(transaction=False)
    for request in requests:
        pipeline.xadd(_key(), {"request": request.encode()}, maxlen=KEPT, approximate=False)
    pipeline.execute()


def _fetch(client: "Redis") -> list[SlowRequest]:
    entries = cast(list[tuple[str, dict[str, str]]], client.xrevrange(_key(), count=KEPT))
    return _decoded([fields.get("request", "") for _, fields in entries])


def _decoded(texts: Iterable[str | bytes]) -> list[SlowRequest]:
    found = (SlowRequest.decode(text) for text in texts)
    return [request for request in found if request is not None]


def _key() -> str:
    return f"{get_settings().REDIS_PREFIX}slow_requests"
