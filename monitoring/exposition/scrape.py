"""Scrapes: one merge at a time, shared by those who wait for it, rendered as each one asks."""

import gzip
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic, perf_counter

from prometheus_client.core import Metric

from monitoring.conf import get_settings
from monitoring.exposition.derived import scrape_figures, status_counters
from monitoring.exposition.negotiation import Format, accepts_gzip, choose_format
from monitoring.exposition.protobuf import ProtobufRenderer
from monitoring.exposition.text import TextRenderer
from monitoring.metrics import merges_total
from monitoring.storage import values
from monitoring.storage.directory import configured_directory
from monitoring.storage.merge import Merged, Merger

# More scrapes than this at one time are a crowd: it shares a merge for up to a second. A scraper
# on its own, and a few, always get the counts of the moment.
_CROWD = 8
_CROWD_SECONDS = 1.0
_DEFAULT_TIMEOUT_SECONDS = 10.0  # Prometheus's own default
_MAX_TIMEOUT_SECONDS = 120.0
_GZIP_LEVEL = 1  # a tenth of the size for a tenth of level 9's time

Source = Callable[[Merged, float], Iterable[Metric]]  # (registry, seconds it may take) to families


class BusyError(Exception):
    """The scrape could not begin before its time was up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scraper gets."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """One merge with the families beside it, and what was rendered of it."""

    started: float
    merged: Merged
    extra: list[Metric]
    bodies: dict[tuple[Format, bool], bytes] = field(default_factory=dict)


class Scraper:
    """Answers scrapes of one metrics directory; what it learns is kept between them."""

    def __init__(self, directory: Path, sources: Sequence[Source] = ()) -> None:
        self._merger = Merger(directory, values.count_corrupt_file)
        self._sources = sources
        self._text = TextRenderer()
        self._protobuf = ProtobufRenderer()
        self._lock = threading.Lock()  # one merge, one rendering at a time
        self._present_lock = threading.Lock()
        self._present = 0
        self._last: _Snapshot | None = None

    def answer(self, headers: Mapping[str, str], names: frozenset[str] = frozenset()) -> Answer:
        """The exposition as the request headers ask for it; `names` limits it to families.

        Raises BusyError if the scrape cannot begin before Prometheus's timeout.
        """
        chosen = choose_format(headers.get("Accept", ""))
        compress = accepts_gzip(headers.get("Accept-Encoding", ""))
        timeout = _timeout(headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        arrived = monotonic()
        with self._presence():
            snapshot = self._shared(arrived)
            if snapshot is None or names or (chosen, compress) not in snapshot.bodies:
                if not self._lock.acquire(timeout=timeout):
                    raise BusyError
                try:
                    snapshot = self._fresh(arrived, timeout)
                    body = self._render(snapshot, chosen, names, compress=compress)
                finally:
                    self._lock.release()
            else:
                body = snapshot.bodies[chosen, compress]
        answer_headers = {
            "Content-Type": chosen.content_type,
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Encoding",
        }
        if compress:
            answer_headers["Content-Encoding"] = "gzip"
        return Answer(body, answer_headers)

    @contextmanager
    def _presence(self) -> Iterator[None]:
        with self._present_lock:
            self._present += 1
        try:
            yield
        finally:
            with self._present_lock:
                self._present -= 1

    def _shared(self, arrived: float) -> _Snapshot | None:
        """The last snapshot, if it is good enough for a scrape that came at `arrived`."""
        last = self._last
        if last is None:
            return None
        oldest = arrived - _CROWD_SECONDS if self._present > _CROWD else arrived
        return last if last.started >= oldest else None

    def _fresh(self, arrived: float, timeout: float) -> _Snapshot:
        snapshot = self._shared(arrived)
        if snapshot is None:
            merges_total().inc()
            started = monotonic()
            clock = perf_counter()
            merged = self._merger.merge()
            extra: list[Metric] = []
            if get_settings().STATUS_COUNTERS:
                extra.extend(status_counters(merged))
            for source in self._sources:
                extra.extend(source(merged, timeout))
            extra.extend(scrape_figures(merged, perf_counter() - clock))
            snapshot = self._last = _Snapshot(started, merged, extra)
        return snapshot

    def _render(
        self, snapshot: _Snapshot, chosen: Format, names: frozenset[str], *, compress: bool
    ) -> bytes:
        if not names and (chosen, compress) in snapshot.bodies:
            return snapshot.bodies[chosen, compress]
        merged, extra = snapshot.merged, snapshot.extra
        if chosen is Format.PROTOBUF:
            body = self._protobuf.render(merged, extra, names)
        elif chosen is Format.OPENMETRICS:
            body = self._text.render_openmetrics(merged, extra, names)
        else:
            body = self._text.render(merged, extra, names)
        if compress:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        if not names:
            snapshot.bodies[chosen, compress] = body
        return body


def _timeout(header: str) -> float:
    """Seconds that the scraper waits, less a little for the way back."""
    try:
        seconds = float(header)
    except ValueError:
        return _DEFAULT_TIMEOUT_SECONDS
    return 0.9 * seconds if 0 < seconds <= _MAX_TIMEOUT_SECONDS else _DEFAULT_TIMEOUT_SECONDS


@cache
def scraper() -> Scraper:
    """This process's scraper of its own metrics directory, for the URL."""
    return Scraper(configured_directory())
