"""A streamed answer is counted once, with its whole time, also when the client leaves."""

import socket
from pathlib import Path

import pytest

from tests.servers.exposition import series
from tests.servers.gunicorn import Gunicorn, run_gunicorn
from tests.servers.ports import wait_for

STREAM = {"method": "GET", "route": "/demo/stream/"}
COUNT = series("http_requests_total", **STREAM, status="200")
SECONDS = series("http_request_duration_seconds_sum", **STREAM)
IN_PROGRESS = series("http_requests_in_progress")

MODES = {
    "gthread": ("-k", "gthread", "--threads", "4"),
    "uvicorn": ("-k", "uvicorn_worker.UvicornWorker", "project.asgi:application"),
}


def leave_early(server: Gunicorn, path: str) -> None:
    """Ask, read the beginning of the answer, and go."""
    with socket.create_connection((server.host, server.port), timeout=10) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(200).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("mode", MODES)
def test_streams_read_to_the_end_and_streams_left(
    mode: str, tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, *MODES[mode], directory=shm_directory, workers=2) as server:
        status, body = server.get("/demo/stream/?ms=30")
        assert (status, body.count("chunk")) == (200, 10)
        samples = server.scrape()
        assert samples[COUNT] == 1
        assert 0.3 <= samples[SECONDS] < 3

        leave_early(server, "/demo/stream/?ms=100")
        wait_for("the left stream is counted", lambda: server.scrape()[COUNT] == 2)
        wait_for("nothing in progress", lambda: server.scrape()[IN_PROGRESS] == 0)
        assert server.scrape()[COUNT] == 2
        assert server.scrape()[series("http_request_duration_highr_seconds_count")] == 2


def test_a_client_that_leaves_an_async_view_is_counted_once(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, *MODES["uvicorn"], directory=shm_directory, workers=1) as server:
        with socket.create_connection((server.host, server.port), timeout=10) as client:
            client.sendall(b"GET /demo/async/?ms=5000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_for("the request", lambda: server.scrape()[IN_PROGRESS] == 1)
        wait_for("nothing in progress", lambda: server.scrape()[IN_PROGRESS] == 0)
        samples = server.scrape()
        left = series("http_requests_total", method="GET", route="/demo/async/", status="499")
        assert samples[left] == 1
        assert samples[series("http_request_duration_highr_seconds_count")] == 1
