"""A client of Prometheus's HTTP API, with one deadline for all queries of a summary.

API: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import http.client
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from typing import Any, Self, TypeVar

from monitoring import __version__
from monitoring.conf import Settings
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.primitives.deadline import NoAnswerError, NoThreadError, Runs, cut
from monitoring.primitives.per_process import per_process

Sample = tuple[Mapping[str, str], float]
Row = tuple[Mapping[str, str], Mapping[float, float]]  # values by Unix seconds
T = TypeVar("T")

_MAX_BYTES = 32 * 1024 * 1024
_CHUNK = 256 * 1024
_MOST_AT_ONCE = 16  # queries of a process, late ones that have not ended yet included
_HIGHEST = 1e18
# Prometheus 2.48 and later report these as warnings, too; they do not mean missing data.
_HARMLESS = "PromQL info"


class PrometheusClient:
    """The queries of one summary, on one connection and for one point in time."""

    def __init__(self, settings: Settings) -> None:
        self._url = urllib.parse.urlsplit(settings.PROMETHEUS_URL)
        self._token = settings.PROMETHEUS_TOKEN
        self._ca_file = settings.PROMETHEUS_CA_FILE
        self._deadline = time.monotonic() + settings.PROMETHEUS_TIMEOUT_MS / 1000
        self.moment = round(time.time(), 3)
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None  # kept: a connection forgets one it will close
        self._runs: Runs[tuple[int, bytes]] = Runs()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def query(self, expression: str) -> list[Sample]:
        """The instant vector at the time of the summary. Raises SourceUnavailableError."""
        found = self._result("query", {"query": expression, "time": f"{self.moment:.3f}"})
        return _checked(
            lambda: [(_labels(item["metric"]), _number(item["value"][1])) for item in found]
        )

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Row]:
        """Values at `start`, `start + step`, … in Unix seconds. Raises SourceUnavailableError."""
        form = {"query": expression, "start": f"{start}", "end": f"{end}", "step": f"{step}"}
        found = self._result("query_range", form)
        return _checked(
            lambda: [
                (
                    _labels(item["metric"]),
                    {_number(at): _number(text) for at, text in item["values"]},
                )
                for item in found
            ]
        )

    def value(self, expression: str) -> float | None:
        """The value of a query with at most one sample. Raises SourceUnavailableError."""
        samples = self.query(expression)
        return samples[0][1] if samples else None

    def _result(self, endpoint: str, form: dict[str, str]) -> list[Any]:
        try:
            status, data = self._ask(endpoint, form)
        except NoAnswerError as error:
            cause = error.__cause__
            if isinstance(cause, SourceUnavailableError):
                raise cause from None
            if cause is None or isinstance(cause, TimeoutError):
                raise _timeout() from None
            # Only the type: the error's text may contain the URL with its credentials.
            raise SourceUnavailableError(
                "unreachable", f"Prometheus cannot be reached ({type(cause).__name__})"
            ) from None
        return _data(status, data)

    def _ask(self, endpoint: str, form: dict[str, str]) -> tuple[int, bytes]:
        """Status and body. Raises NoAnswerError at the deadline, however slowly bytes come."""
        left, places = self._left(), _places()
        if not places.acquire(blocking=False):
            raise _timeout()
        try:
            return self._runs.ask(
                endpoint,
                lambda: self._post(endpoint, form),
                left,
                name="monitoring-prometheus",
                afterwards=places.release,
                cancel=self._cut,
            )
        except NoAnswerError as error:
            if isinstance(error.__cause__, NoThreadError):  # nothing else gives the place back
                places.release()
            raise

    def _cut(self) -> None:
        cut(self._socket)

    def _post(self, endpoint: str, form: dict[str, str]) -> tuple[int, bytes]:
        left = self._left()
        form["timeout"] = f"{max(1, round(1000 * left))}ms"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": f"django-multiprocess-exporter/{__version__}",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        connection = self._connect(left)
        path = f"{self._url.path.rstrip('/')}/api/v1/{endpoint}"
        if connection.sock is None:
            connection.connect()
        self._socket = connection.sock
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        chunks, size = [], 0
        with connection.getresponse() as response:
            while chunk := response.read(_CHUNK):
                size += len(chunk)
                if size > _MAX_BYTES:
                    raise SourceUnavailableError("too_large", "Prometheus's answer is too large")
                chunks.append(chunk)
                self._left()
            return response.status, b"".join(chunks)

    def _connect(self, left: float) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._url.hostname or "", self._url.port
            if self._url.scheme == "https":
                context = ssl.create_default_context(cafile=self._ca_file or None)
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=left, context=context
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=left)
        if self._connection.sock is not None:
            self._connection.sock.settimeout(left)
        return self._connection

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _timeout()
        return left


@per_process
def _places() -> BoundedSemaphore:
    return BoundedSemaphore(_MOST_AT_ONCE)


def _timeout() -> SourceUnavailableError:
    return SourceUnavailableError("timeout", "Prometheus did not answer in time")


def _data(status: int, data: bytes) -> list[Any]:
    def result() -> list[Any]:
        answer: Any = json.loads(data)
        if answer["status"] != "success":
            raise _refusal(status, str(answer.get("errorType", "")))
        if answer.get("isPartial") or any(
            not str(text).startswith(_HARMLESS) for text in answer.get("warnings") or ()
        ):
            raise SourceUnavailableError("partial_data", "Prometheus has a part of the data only")
        return list(answer["data"]["result"])

    return _checked(result, status)


def _checked(read: Callable[[], T], status: int = 200) -> T:
    """The result of `read`. Raises SourceUnavailableError if the answer has another shape."""
    try:
        return read()
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise _refusal(status, "") from None


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of a sample. Raises ValueError for what no JSON of ours can have."""
    labels = dict(found)
    for name, value in labels.items():
        if not isinstance(value, str):
            raise ValueError(f"the value of {name} is no text")
        value.encode()  # raises UnicodeEncodeError for half of a surrogate pair
    return labels


def _number(text: object) -> float:
    """A value. Raises ValueError for NaN, infinity, and more than a counter of ours has."""
    number = float(str(text))
    if not abs(number) <= _HIGHEST:
        raise ValueError("no count and no time")
    return number


def _refusal(status: int, error_type: str) -> SourceUnavailableError:
    if error_type == "timeout":
        return _timeout()
    if status in (401, 403):
        return SourceUnavailableError("refused", "Prometheus refuses PROMETHEUS_TOKEN")
    return SourceUnavailableError("bad_answer", f"Prometheus answered status {status}, no figures")
