"""Answers scrapes: one merge at a time, shared by those that wait, rendered as each one asks."""

import gzip
import os
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, time
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, Metric

from monitoring.conf import get_settings
from monitoring.errors import MetricsDirectoryError
from monitoring.exposition.claims import ClaimedNames, names_of
from monitoring.exposition.classic_buckets import BucketFilter
from monitoring.exposition.native_routes import NativeRoutes
from monitoring.exposition.negotiation import Format, accepts_gzip, choose_format
from monitoring.exposition.protobuf import NATIVE_FAMILY, ProtobufRenderer
from monitoring.exposition.text import TextRenderer
from monitoring.merging.exemplar_reader import ExemplarReader, Exemplars
from monitoring.merging.layout import Layout
from monitoring.merging.merge import Merged, shared_merger
from monitoring.metrics.derived import FILES, SCRAPE_DURATION, STATUS
from monitoring.metrics.names import HTTP_REQUESTS, family_of
from monitoring.metrics.own_families import merges_total
from monitoring.storage import values
from monitoring.storage.directory import owner as directory_owner
from monitoring.storage.self_report import report_error, report_failure

REQUEST_HEADERS = ("Accept", "Accept-Encoding", "X-Prometheus-Scrape-Timeout-Seconds")

# More simultaneous scrapes than this are a crowd, which shares a merge up to a second old, until no
# more than this arrive in a second. Fewer scrapers always get current counts.
_CROWD = 8
_CROWD_SECONDS = 1.0
_DEFAULT_TIMEOUT_SECONDS = 10.0  # Prometheus's own default
_MAX_TIMEOUT_SECONDS = 120.0
_GZIP_LEVEL = 1  # a tenth of the size for a tenth of level 9's time


class FamilySource(Protocol):
    """Adds families to the merged ones."""

    def __call__(self, merged: Merged, seconds: float, claimed: ClaimedNames) -> Iterable[Metric]:
        """Families whose names the source claims, in about `seconds`."""


class BusyError(Exception):
    """The scrape could not begin before its time was up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scraper gets."""

    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Scrape:
    """One merge with the added families, and the bodies rendered from it."""

    started: float
    merged: Merged
    extra: list[Metric]
    bodies: dict[tuple[Format, bool], bytes] = field(default_factory=dict)


class Scraper:
    """Answers scrapes of one metrics directory, and keeps what it learns between them."""

    def __init__(self, directory: Path, sources: Sequence[FamilySource] = ()) -> None:
        self._directory = directory
        self._merger = shared_merger(directory)
        self._exemplars = ExemplarReader(directory, values.count_corrupt_file)
        self._sources = sources
        self._text = TextRenderer()
        self._protobuf = ProtobufRenderer()
        self._routes = NativeRoutes(directory)
        self._without_buckets = BucketFilter(NATIVE_FAMILY)
        self._merged_claims: tuple[Layout | None, frozenset[str]] = (None, frozenset())
        self._lock = threading.Lock()  # one merge, one rendering at a time
        self._present_lock = threading.Lock()
        self._present = 0
        self._arrivals: deque[float] = deque(maxlen=_CROWD + 1)
        self._crowd_until = float("-inf")
        self._last: _Scrape | None = None

    def answer(
        self, headers: Mapping[str, str], wanted: frozenset[str] = frozenset(), present: int = 0
    ) -> Answer:
        """The exposition in the format that the request headers ask for.

        `wanted`, if any, selects families by their own or a sample's name. `present` is how many
        requests the server has, unread ones included. Raises BusyError if the scrape cannot begin
        before the scraper's timeout, and MetricsDirectoryError or OSError if the directory is
        another user's or cannot be read.
        """
        chosen = choose_format(headers.get("Accept", ""))
        compress = accepts_gzip(headers.get("Accept-Encoding", ""))
        arrived = monotonic()
        deadline = arrived + _timeout(headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        with self._presence(arrived, present):
            scrape = self._shared(arrived)
            if scrape is None or wanted or (chosen, compress) not in scrape.bodies:
                if not self._lock.acquire(timeout=deadline - arrived):
                    raise BusyError
                try:
                    scrape = self._shared(arrived) or self._fresh(deadline)
                    body = self._render(scrape, chosen, wanted, compress=compress)
                finally:
                    self._lock.release()
            else:
                body = scrape.bodies[chosen, compress]
        answer_headers = {
            "Content-Type": chosen.content_type,
            "Cache-Control": "no-store",
            "Vary": "Accept, Accept-Encoding",
        }
        if compress:
            answer_headers["Content-Encoding"] = "gzip"
        return Answer(body, answer_headers)

    def is_readable(self) -> bool:
        """Whether the metrics directory can be read now."""
        try:
            directory_owner(self._directory)
            with os.scandir(self._directory):
                return True
        except (OSError, MetricsDirectoryError):
            return False

    @contextmanager
    def _presence(self, arrived: float, present: int) -> Iterator[None]:
        with self._present_lock:
            self._present += 1
            self._arrivals.append(arrived)
            still_many = arrived < self._crowd_until and (
                self._arrivals[0] > arrived - _CROWD_SECONDS
            )
            if max(self._present, present) > _CROWD or still_many:
                self._crowd_until = arrived + _CROWD_SECONDS
        try:
            yield
        finally:
            with self._present_lock:
                self._present -= 1

    def _shared(self, arrived: float) -> _Scrape | None:
        """The last scrape, if it is good enough for one that came at `arrived`."""
        last = self._last
        if last is None:
            return None
        oldest = arrived - _CROWD_SECONDS if arrived < self._crowd_until else arrived
        return last if last.started >= oldest else None

    def _fresh(self, deadline: float) -> _Scrape:
        merges_total().inc()
        started = monotonic()
        clock = perf_counter()
        merged = self._merger.merge()
        claimed = ClaimedNames(self._claimed_by(merged.layout))
        own = list(status_counters(merged)) if get_settings().STATUS_COUNTERS else []
        extra = [metric for metric in own if claimed.claim(metric.name, metric.type)]
        for source in self._sources:
            try:
                extra.extend(source(merged, deadline - monotonic(), claimed))
            except Exception:  # a boundary: the rest of the scrape is served
                report_error("a part of the scrape failed")
        figures = scrape_figures(merged, perf_counter() - clock)
        extra.extend(metric for metric in figures if claimed.claim(metric.name, metric.type))
        self._last = _Scrape(started, merged, extra)
        return self._last

    def _claimed_by(self, layout: Layout) -> frozenset[str]:
        if self._merged_claims[0] is not layout:
            taken = (names_of(family.name, family.type) for family in layout.families)
            self._merged_claims = layout, frozenset().union(*taken)
        return self._merged_claims[1]

    def _render(
        self, scrape: _Scrape, chosen: Format, wanted: frozenset[str], *, compress: bool
    ) -> bytes:
        if not wanted and (chosen, compress) in scrape.bodies:
            return scrape.bodies[chosen, compress]
        merged, extra = scrape.merged, scrape.extra
        if chosen is not Format.PROTOBUF and not get_settings().HIGHR_CLASSIC_BUCKETS:
            merged = self._without_buckets.apply(merged)
        if chosen is Format.PROTOBUF:
            native = self._native_routes(merged, wanted)
            exemplars = self._read_exemplars(scrape)
            body = self._protobuf.render(merged, extra, wanted, exemplars, native)
        elif chosen is Format.OPENMETRICS:
            exemplars = self._read_exemplars(scrape)
            body = self._text.render_openmetrics(merged, extra, wanted, exemplars)
        else:
            body = self._text.render(merged, extra, wanted)
        if compress:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        if not wanted:
            scrape.bodies[chosen, compress] = body
        return body

    def _native_routes(self, merged: Merged, wanted: frozenset[str]) -> bytes:
        most = get_settings().NATIVE_ROUTES
        if not most:
            return b""
        try:
            return self._routes.render(merged, most, wanted)
        except Exception:  # a boundary, as in _fresh
            report_failure("native histograms of routes could not be read")
            return b""

    def _read_exemplars(self, scrape: _Scrape) -> Exemplars:
        try:
            return self._exemplars.read(scrape.merged.layout, time())
        except Exception:  # a boundary, as in _fresh
            report_failure("exemplars could not be read")
            return {}


def _timeout(header: str) -> float:
    """Seconds that a scrape may take: the scraper's timeout less a tenth for the network.

    At most _MAX_TIMEOUT_SECONDS. What is no positive number, a list of several or NaN included,
    counts as the default.
    """
    try:
        seconds = float(header)
    except ValueError:
        return _DEFAULT_TIMEOUT_SECONDS
    return 0.9 * min(seconds, _MAX_TIMEOUT_SECONDS) if seconds > 0 else _DEFAULT_TIMEOUT_SECONDS


def status_counters(merged: Merged) -> Iterator[Metric]:
    """`http_status_{code}_total`: `http_requests_total` summed over method and route."""
    totals: dict[str, float] = defaultdict(float)
    for line, value in merged.samples(family_of(HTTP_REQUESTS)):
        totals[dict(line.labels)["status"]] += value
    for status in sorted(totals):
        yield CounterMetricFamily(
            STATUS.name.format(code=status),
            STATUS.help.format(code=status),
            value=totals[status],
        )


def scrape_figures(merged: Merged, seconds: float) -> Iterator[Metric]:
    """The files that this scrape read, and the `seconds` that it has taken so far."""
    files = FILES.new()
    files.add_metric(["ok"], merged.files - merged.damaged)
    files.add_metric(["damaged"], merged.damaged)
    files.add_metric(["empty"], merged.empty)
    yield files
    duration = SCRAPE_DURATION.new()
    duration.add_metric([], seconds)
    yield duration
