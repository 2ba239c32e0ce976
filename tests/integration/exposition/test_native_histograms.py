"""A real Prometheus reads the protobuf format, and the native histogram says what buckets say."""

import contextlib
import json
import math
import random
import threading
import time
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client.core import InfoMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from monitoring.exposition.negotiation import Format
from monitoring.exposition.protobuf import NATIVE_FAMILY, ProtobufRenderer
from monitoring.merging.exemplar_reader import Exemplars
from monitoring.merging.merge import Merger
from monitoring.metrics.request_families import HIGHR_BOUNDS
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus
from tests.unit.storage.files import StockFile

BOUNDS = (*HIGHR_BOUNDS, math.inf)
QUANTILES = (0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Target:
    """Serves one body to every scrape, and keeps what the scrapers accept."""

    body: bytes
    address: str = ""
    accepted: set[str] = field(default_factory=set)


@contextlib.contextmanager
def serve(target: Target) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target.accepted.add(self.headers.get("Accept", ""))
            self.send_response(200)
            self.send_header("Content-Type", Format.PROTOBUF.content_type)
            self.send_header("Content-Length", str(len(target.body)))
            self.end_headers()
            self.wfile.write(target.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    target.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def observations() -> list[float]:
    """Seconds: most around 50 ms, a group of slow ones far away, some below the first bound."""
    chance = random.Random(4)
    fast = [chance.lognormvariate(-3, 1) for _ in range(20_000)]
    slow = [chance.uniform(30, 60) for _ in range(500)]
    return [*fast, *slow, *(chance.uniform(0, HIGHR_BOUNDS[0]) for _ in range(100)), 500.0]


def write_files(directory: Path, seconds: list[float]) -> None:
    """The fine histogram in the files of two slots, and other families."""
    for slot in (0, 1):
        counts = Counter(bisect_left(BOUNDS, value) for value in seconds[slot::2])
        file = StockFile(directory, f"histogram_web-{slot}.db")
        for place, bound in enumerate(BOUNDS):
            labels = {"le": floatToGoString(bound)}
            file.write(NATIVE_FAMILY, f"{NATIVE_FAMILY}_bucket", labels, float(counts[place]))
        file.write(NATIVE_FAMILY, f"{NATIVE_FAMILY}_sum", {}, math.fsum(seconds[slot::2]))
        for le, count in (("1.0", 3.0), ("+Inf", 1.0)):
            file.write("classic", "classic_bucket", {"le": le, "route": "/ä"}, count)
        file.write("classic", "classic_sum", {"route": "/ä"}, 2.25)
        file.close()
    file = StockFile(directory, "counter_web-0.db")
    file.write("http_requests", "http_requests_total", {"route": "/"}, 7.0)
    file.close()


def linear_quantile(q: float, seconds: list[float]) -> float:
    """What `histogram_quantile` documents for classic buckets, worked out from the values."""
    counts = Counter(bisect_left(BOUNDS, value) for value in seconds)
    rank, below = q * len(seconds), 0
    for place, bound in enumerate(BOUNDS):
        if below + counts[place] >= rank:
            low = BOUNDS[place - 1] if place else 0.0
            return low + (bound - low) * (rank - below) / counts[place]
        below += counts[place]
    raise AssertionError("q is above 1")


@pytest.fixture(scope="module")
def seconds() -> list[float]:
    return observations()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, seconds: list[float]) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("metrics")
    write_files(directory, seconds)
    merged = Merger(directory, lambda: None).merge()
    extra: list[Metric] = [
        InfoMetricFamily("python", "Help.", {"version": "3"}),
        SummaryMetricFamily("pause_seconds", "Help.", count_value=4, sum_value=2.5),
    ]
    bound = ("le", "1.0")  # in a line of the layout, the last label
    exemplars: Exemplars = {
        (f"{NATIVE_FAMILY}_bucket", (bound,)): Exemplar({"trace_id": TRACE}, 0.99),
        ("classic_bucket", (("route", "/ä"), bound)): Exemplar({"trace_id": TRACE}, 0.5),
    }
    served = Target(ProtobufRenderer().render(merged, extra, exemplars=exemplars))
    with serve(served):
        yield served


@pytest.fixture(scope="module")
def prometheus(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    work = tmp_path_factory.mktemp("prometheus")
    features = "--enable-feature=native-histograms,exemplar-storage"
    with run_prometheus(work, [target.address], features, path="/metrics") as running:
        wait_for("a scrape", lambda: running.query(NATIVE_FAMILY))
        yield running


def test_prometheus_asks_for_protobuf_and_can_read_it(
    prometheus: Prometheus, target: Target
) -> None:
    (accepted,) = target.accepted
    assert accepted.startswith(Format.PROTOBUF.content_type.replace("; ", ";"))
    assert prometheus.last_error() == ""


@pytest.mark.parametrize("q", QUANTILES)
def test_its_quantile_of_the_native_histogram_is_that_of_the_buckets(
    prometheus: Prometheus, seconds: list[float], q: float
) -> None:
    shown = prometheus.value(f"histogram_quantile({q}, {NATIVE_FAMILY})")
    assert shown == pytest.approx(linear_quantile(q, seconds), rel=1e-9)


def test_count_and_sum_are_those_of_the_observations(
    prometheus: Prometheus, seconds: list[float]
) -> None:
    assert prometheus.value(f"histogram_count({NATIVE_FAMILY})") == len(seconds)
    assert prometheus.value(f"histogram_sum({NATIVE_FAMILY})") == pytest.approx(math.fsum(seconds))


def test_values_outside_the_bounds_are_counted_below_and_above(
    prometheus: Prometheus, seconds: list[float]
) -> None:
    def between(low: float, high: str) -> float | None:
        share = f"histogram_fraction({low!r}, {high}, {NATIVE_FAMILY})"
        return prometheus.value(f"{share} * histogram_count({NATIVE_FAMILY})")

    below = between(0.0, repr(HIGHR_BOUNDS[0]))
    above = between(HIGHR_BOUNDS[-1], "Inf")
    assert below == pytest.approx(sum(value <= HIGHR_BOUNDS[0] for value in seconds))
    assert above == pytest.approx(sum(value > HIGHR_BOUNDS[-1] for value in seconds))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('http_requests_total{route="/"}', 7),
        ('classic_bucket{le="1.0", route="/ä"}', 6),
        ('classic_count{route="/ä"}', 8),
        ('classic_sum{route="/ä"}', 4.5),
        ('python_info{version="3"}', 1),
        ("pause_seconds_count", 4),
        ("pause_seconds_sum", 2.5),
    ],
)
def test_other_families_have_the_names_they_have_in_text(
    prometheus: Prometheus, expression: str, value: float
) -> None:
    assert prometheus.value(expression) == value


@pytest.mark.parametrize("series", [NATIVE_FAMILY, "classic_bucket"])
def test_exemplars_are_stored(prometheus: Prometheus, series: str) -> None:
    parameters = {"query": series, "start": time.time() - 600, "end": time.time() + 600}
    address = f"{prometheus.url}/api/v1/query_exemplars?{urllib.parse.urlencode(parameters)}"

    def traces() -> set[str]:
        with urllib.request.urlopen(address, timeout=10) as response:
            answer = json.load(response)
        return {
            exemplar["labels"]["trace_id"]
            for item in answer["data"]
            for exemplar in item["exemplars"]
        }

    assert wait_for("the exemplar", traces) == {TRACE}
