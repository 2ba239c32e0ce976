"""What answers in Redis's place and says something else costs its own figures only."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.test import override_settings

from monitoring.exposition.scrape import Scraper
from monitoring.figures.summary_gauges import SummaryGauges
from monitoring.instruments.requests.sessions import count_active
from monitoring.instruments.requests.slow_requests import last


@contextmanager
def parrot(answer: bytes) -> Iterator[str]:
    """The URL of a server that answers everything with `answer`, over and over."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            with connection:
                try:
                    while connection.recv(65536):
                        connection.sendall(answer * 8)
                except OSError:
                    pass

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n",
        b":abc\r\n",
        b"*0\r\n",
        b"$2\r\n\xff\xfe\r\n",
        b"*-1\r\n",
        b"HTTP/1.1 400\r\n\r\n",
    ],
)
def test_garbage_of_redis_is_no_figure_and_spoils_no_other(
    answer: bytes, metrics_directory: Path
) -> None:
    with parrot(answer) as url, override_settings(MONITORING={"REDIS_URL": url}):
        scraper = Scraper(metrics_directory, [SummaryGauges(metrics_directory)])
        text = scraper.answer({}).body.decode()
        assert "# TYPE http_error_rate gauge" in text
        assert count_active() == (None, "Redis does not answer")
    with parrot(answer) as url, override_settings(MONITORING={"REDIS_URL": url}):
        assert last(metrics_directory, 10) == []
