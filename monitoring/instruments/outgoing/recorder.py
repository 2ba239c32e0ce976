"""Counts and times outgoing HTTP calls by host, method and status class.

No method raises an error of ours; what a signal handler raises passes. Nothing of a URL but its
host and port is read.
"""

import re
from functools import cache
from time import perf_counter

from monitoring.instruments.databases.trackers import Operation, running, spend
from monitoring.metrics.histogram import BisectHistogram
from monitoring.metrics.labels import METHODS, OTHER, OVERFLOW
from monitoring.metrics.outgoing_families import ERROR, outgoing_duration
from monitoring.metrics.request_families import OUTGOING
from monitoring.primitives.bounded_names import BoundedNames
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error
from monitoring.storage.values import add_all

MAX_HOSTS = 100

_DEFAULT_PORTS = {None, 80, 443}
_HOST = re.compile(r"[a-z0-9._:\[\]-]{1,255}", re.IGNORECASE)  # what a name or an address is


class Call(Operation):
    """An outgoing call, which is being timed from now on."""

    __slots__ = ("outer", "started")

    def __init__(self, outer: Operation | None) -> None:
        super().__init__(OUTGOING)
        self.outer = outer
        self.started = perf_counter()


class OutgoingRecorder:
    """Writes the metrics of calls. All threads of the process share it."""

    def __init__(self, duration: BisectHistogram, most_hosts: int = MAX_HOSTS) -> None:
        self._duration = duration
        self._hosts = BoundedNames(most_hosts, OVERFLOW)
        self._series: dict[tuple[str, str, str], BisectHistogram] = {}

    def begin(self) -> Call | None:
        """None within another call, which counts for both: a retry of urllib3, say."""
        outer = running.get()
        return None if isinstance(outer, Call) and outer.name is not None else Call(outer)

    def end(
        self, call: Call, host: object, port: int | None, method: object, status: object
    ) -> None:
        """Count a call once; `status` is None if there was no answer."""
        try:
            seconds = call.end(call.outer, call.started)
            key = self._host(host, port), _method(method), _status_class(status)
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = self._duration.labels(*key)
            add_all(series.writes(seconds))
            spend(OUTGOING, seconds)
        except Exception as error:
            if is_interruption(error):
                raise
            report_error("an outgoing call could not be recorded")

    def _host(self, host: object, port: int | None) -> str:
        name = _ascii(host).lower() if isinstance(host, str) else ""
        if port not in _DEFAULT_PORTS:
            name = f"{name}:{port}"
        known = self._hosts.get(name)
        if known is None:
            if not _HOST.fullmatch(name):
                return OTHER
            known = self._hosts.learn(name, name)
        return known


def _ascii(host: str) -> str:
    """An international name in the form of the DNS, which some libraries have decoded."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def _method(method: object) -> str:
    return METHODS.get(method.upper(), OTHER) if isinstance(method, str) else OTHER


def _status_class(status: object) -> str:
    if isinstance(status, int) and 100 <= status < 600:
        return f"{status // 100}xx"
    return ERROR


@cache
def outgoing_recorder() -> OutgoingRecorder:
    """The recorder; a forked child goes on using it."""
    return OutgoingRecorder(outgoing_duration())
