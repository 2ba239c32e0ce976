"""A real Prometheus reads the exporter in each format, and stores the same."""

import contextlib
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monitoring.exposition.negotiation import Format
from tests.servers.exporter import Exporter, run_exporter, write_settings
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus
from tests.unit.exposition.highr_files import HIGHR, write_highr

NATIVE = "--enable-feature=native-histograms"


class Relay:
    """Hands scrapes on to the exporter, with the Accept that a test wants, and notes the answers.

    Prometheus 2.42, which Debian has, cannot be told to ask for text.
    """

    def __init__(self, exporter: Exporter, accept: str | None) -> None:
        self.content_types: set[str] = set()
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                headers = dict(self.headers.items())
                if accept is not None:
                    headers["Accept"] = accept
                request = urllib.request.Request(
                    f"http://{exporter.address}{self.path}", headers=headers
                )
                with urllib.request.urlopen(request, timeout=10) as response:
                    body = response.read()
                    relay.content_types.add(response.headers["Content-Type"])
                    self.send_response(200)
                    for name in ("Content-Type", "Content-Encoding"):
                        if name in response.headers:
                            self.send_header(name, response.headers[name])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Relay":
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    work = tmp_path_factory.mktemp("exporter")
    directory = work / "metrics"
    directory.mkdir(mode=0o700)
    write_highr(directory)
    env = write_settings(work, {"HIGHR_CLASSIC_BUCKETS": False})
    with run_exporter(work, directory=directory, env=env) as running:
        yield running


@dataclass(frozen=True)
class Scraped:
    """A Prometheus that scrapes the exporter through three relays, one for each format."""

    prometheus: Prometheus
    relays: dict[Format, Relay]

    def value(self, wanted: Format, expression: str) -> float | None:
        """Of an expression whose selectors have `$`, the target's own matcher, in them."""
        matcher = f'instance="{self.relays[wanted].address}"'
        return self.prometheus.value(expression.replace("$", matcher))


@pytest.fixture(scope="module")
def scraped(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    accepts = {
        Format.TEXT: "text/plain;version=0.0.4",
        Format.OPENMETRICS: "application/openmetrics-text;version=1.0.0",
        Format.PROTOBUF: None,  # what this Prometheus asks for by itself
    }
    with contextlib.ExitStack() as running:
        relays = {
            wanted: running.enter_context(Relay(exporter, accept))
            for wanted, accept in accepts.items()
        }
        work = tmp_path_factory.mktemp("prometheus")
        targets = [relay.address for relay in relays.values()]
        prometheus = running.enter_context(run_prometheus(work, targets, NATIVE, path="/metrics"))
        wait_for("scrapes", lambda: prometheus.value("sum(up)") == len(relays))
        yield Scraped(prometheus, relays)


def test_each_format_is_read_without_error(scraped: Scraped) -> None:
    assert scraped.prometheus.last_error() == ""
    for wanted, relay in scraped.relays.items():
        assert relay.content_types == {wanted.content_type}


@pytest.mark.parametrize("wanted", list(Format))
def test_every_format_is_stored_alike(wanted: Format, scraped: Scraped) -> None:
    for expression, expected in (
        ("other_count{$}", 6),
        ('other_bucket{le="1.0", $}', 3),
        ("other_sum{$}", 6),
        ('monitoring_slots{role="exporter", state="held", $}', 1),
        ('monitoring_files{state="ok", $} > bool 0', 1),
        ("monitoring_merges_total{$} > bool 0", 1),
    ):
        assert scraped.value(wanted, expression) == expected, expression


@pytest.mark.parametrize("wanted", [Format.TEXT, Format.OPENMETRICS])
def test_the_setting_leaves_the_one_bucket_that_a_text_format_needs(
    wanted: Format, scraped: Scraped
) -> None:
    assert scraped.value(wanted, f"count({HIGHR}_bucket{{$}})") == 1
    assert scraped.value(wanted, f"{HIGHR}_count{{$}}") == 2 * 338


def test_the_histogram_without_classic_buckets_is_whole_as_a_native_one(scraped: Scraped) -> None:
    def value(function: str) -> float | None:
        return scraped.value(Format.PROTOBUF, function.replace("%", f"{HIGHR}{{$}}"))

    assert value("histogram_count(%)") == 2 * 338
    assert value("histogram_sum(%)") == 5.5
    assert value("histogram_quantile(0.5, %)") == pytest.approx(2**-3.5, rel=0.05)
