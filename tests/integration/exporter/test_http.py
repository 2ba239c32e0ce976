"""The exporter's HTTP: what is answered, and that no client can hurt another."""

import contextlib
import gzip
import http.client
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitoring.exporter.server import MAX_CONNECTIONS, MAX_HEAD_BYTES
from monitoring.exposition.negotiation import Format
from tests.servers.exporter import Exporter, Response, read, run_exporter
from tests.servers.exposition import parse, series
from tests.servers.ports import wait_for
from tests.unit.exposition.highr_files import write_highr

MERGES = series("monitoring_merges_total")


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exporter]:
    parent = Path(tempfile.mkdtemp(prefix="monitoring-test-", dir="/dev/shm"))
    directory = parent / "metrics"
    directory.mkdir(mode=0o700)
    write_highr(directory)
    with run_exporter(tmp_path_factory.mktemp("exporter"), directory=directory) as running:
        yield running
    shutil.rmtree(parent)


def raw(exporter: Exporter, request: bytes) -> Response:
    """Send these bytes and read one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=20)
    connection.connect()
    try:
        # It may be refused, and closed, before all of it is sent.
        with contextlib.suppress(ConnectionError):
            connection.sock.sendall(request)
        answer = http.client.HTTPResponse(connection.sock)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, headers, answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("header", ["Accept", "accept", "ACCEPT"])
@pytest.mark.parametrize("wanted", list(Format))
def test_the_format_is_the_one_asked_for(wanted: Format, header: str, exporter: Exporter) -> None:
    response = exporter.get(headers={header: wanted.content_type})
    assert response.status == 200
    assert response.headers["content-type"] == wanted.content_type
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["vary"] == "Accept, Accept-Encoding"


def test_its_openmetrics_is_strictly_right(exporter: Exporter) -> None:
    text = exporter.get(headers={"Accept": "application/openmetrics-text"}).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["other"].type == "histogram"
    assert families["process_cpu_seconds"].unit == "seconds"
    assert families["monitoring_merges"].type == "counter"


def test_gzip_is_used_where_it_is_accepted(exporter: Exporter) -> None:
    plain = exporter.get("/metrics?name[]=other_sum")
    packed = exporter.get("/metrics?name[]=other_sum", {"Accept-Encoding": "gzip"})
    refused = exporter.get("/metrics?name[]=other_sum", {"Accept-Encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == refused.body
    assert "content-encoding" not in refused.headers


def test_names_select_families(exporter: Exporter) -> None:
    text = exporter.get("/metrics?name[]=other_count&name[]=monitoring_slots").text
    shown = re.findall("# TYPE (.*) ", text)
    assert shown == ["other", "monitoring_slots"]
    assert exporter.get("/metrics?name[]=nothing").body == b""


@pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/-/ready"])
def test_head_is_get_without_the_body(path: str, exporter: Exporter) -> None:
    got, head = exporter.get(path), exporter.get(path, method="HEAD")
    assert (got.status, head.status, head.body) == (200, 200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(method: str, exporter: Exporter) -> None:
    body = b"x" if method in ("POST", "PUT") else None
    response = exporter.get(method=method, body=body)
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


def test_pages(exporter: Exporter) -> None:
    assert exporter.get("/-/healthy").text == "ok\n"
    assert exporter.get("/-/ready").text == "ok\n"
    assert 'href="/metrics"' in exporter.get("/").text
    assert exporter.get("/nothing").status == 404
    assert exporter.get("http://example.org/-/healthy").status == 200


MANY_HEADERS = b"".join(b"X-%d: 1\r\n" % number for number in range(101))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + MANY_HEADERS + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 405),
        (b"GET http://[/metrics HTTP/1.1\r\n\r\n", 400),
        (b"GET /metrics?" + b"a=b&" * 2000 + b" HTTP/1.1\r\n\r\n", 400),
        (b"one two three four\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a b\r\n\r\n", 400),  # TLS
        (b"GET / HTTP/3.0\r\n\r\n", 505),
    ],
)
def test_what_cannot_be_served_is_refused_shortly(
    request_: bytes, status: int, exporter: Exporter
) -> None:
    response = raw(exporter, request_)
    assert response.status == status
    assert response.headers["connection"] == "close"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert len(response.body) < 60


def test_a_connection_serves_many_scrapes(exporter: Exporter) -> None:
    connection = exporter.connect()
    for _ in range(5):
        connection.request("GET", "/metrics")
        assert read(connection).status == 200
    connection.close()


def test_slow_clients_hold_up_nobody(exporter: Exporter) -> None:
    with contextlib.ExitStack() as open_connections:

        def connect() -> socket.socket:
            client = socket.create_connection(("127.0.0.1", exporter.port))
            return open_connections.enter_context(client)

        for sent in (b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"):
            for _ in range(10):
                connect().sendall(sent)
        for _ in range(10):  # ask for much, and read nothing
            client = connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        for _ in range(5):
            assert exporter.get().status == 200


def test_more_connections_than_allowed_cost_the_silent_ones_and_no_scrape(
    exporter: Exporter,
) -> None:
    with contextlib.ExitStack() as open_connections:
        for _ in range(MAX_CONNECTIONS + 8):
            client = socket.create_connection(("127.0.0.1", exporter.port))
            open_connections.enter_context(client)
        wait_for("an answer", lambda: exporter.get().status == 200)
    wait_for("room again", lambda: exporter.get().status == 200)


def test_two_hundred_scrapers_at_once_get_their_answers_for_one_merge_a_second(
    exporter: Exporter,
) -> None:
    before, began = exporter.scrape()[MERGES], time.monotonic()
    stop = began + 3
    statuses: list[int] = []
    trouble: list[Exception] = []
    together = threading.Barrier(200)

    def scrape() -> None:
        together.wait(60)
        try:
            while True:
                statuses.append(exporter.get().status)
                if time.monotonic() > stop:
                    break
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=scrape) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    seconds = time.monotonic() - began
    time.sleep(1)  # until then the next scrape takes the crowd's merge
    assert trouble == []
    assert len(statuses) >= 200
    assert set(statuses) == {200}
    # Three more: this one, the first before anybody waits, and one for a second that has begun.
    assert exporter.scrape()[MERGES] - before <= seconds + 3


def test_a_scraper_on_its_own_never_gets_an_old_merge(exporter: Exporter) -> None:
    counts = [parse(exporter.get().text)[MERGES] for _ in range(20)]
    assert counts == [counts[0] + step for step in range(20)]
