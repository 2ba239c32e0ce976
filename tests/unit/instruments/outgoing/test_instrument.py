"""Calls of each library are timed once, with their host and nothing else of the URL."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from types import FrameType

import aiohttp
import httpx
import pytest
import requests
import urllib3
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from monitoring.instruments.outgoing.instrument import instrument_outgoing
from monitoring.merging.merge import shared_merger
from monitoring.metrics import names
from monitoring.storage.directory import configured_directory
from monitoring.storage.values import attach
from tests.servers.http_server import LocalServer, Quiet, serving
from tests.servers.ports import free_port

SECRETS = "/secret/path?token=secret"
SECONDS = 0.2


class Handler(Quiet, BaseHTTPRequestHandler):
    """Answers the status that the path begins with, SECONDS before the second half of the body."""

    def do_GET(self) -> None:
        status = self.path.split("/")[1]
        if status == "hang":
            time.sleep(SECONDS * 2)
            return
        self.send_response(int(status))
        if status == "302":
            self.send_header("Location", "/200/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"a")
        if "stream" in self.path:
            time.sleep(SECONDS)
        self.wfile.write(b"b")

    do_POST = do_GET  # noqa: N815  (http.server looks for this name)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    instrument_outgoing()
    with serving(LocalServer(Handler)) as found:
        yield found


def of_requests(method: str, url: str, timeout: float) -> int:
    return requests.request(method, url, timeout=timeout).status_code


def of_urllib3(method: str, url: str, timeout: float) -> int:
    with urllib3.PoolManager() as pool:
        return pool.request(method, url, timeout=timeout, retries=False).status


def of_httpx(method: str, url: str, timeout: float) -> int:
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        return client.request(method, url, follow_redirects=True).status_code


def of_httpx_async(method: str, url: str, timeout: float) -> int:
    async def call() -> int:
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            return (await client.request(method, url, follow_redirects=True)).status_code

    return asyncio.run(call())


def of_aiohttp(method: str, url: str, timeout: float) -> int:
    async def call() -> int:
        limit = aiohttp.ClientTimeout(total=timeout)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(method, url) as answer,
        ):
            await answer.read()
            return answer.status

    return asyncio.run(call())


Send = Callable[[str, str, float], int]
LIBRARIES: list[Send] = [of_requests, of_urllib3, of_httpx, of_httpx_async, of_aiohttp]
EACH = pytest.mark.parametrize("send", LIBRARIES, ids=lambda send: send.__name__)
Counts = dict[tuple[str, str, str], float]
_FAMILY = names.OUTGOING_HTTP_REQUEST_DURATION_SECONDS


def shown(name: str = _FAMILY.count) -> Counts:
    attach()
    merged = shared_merger(configured_directory()).merge()
    return {
        (labels["host"], labels["method"], labels["status_class"]): value
        for line, value in zip(merged.layout.lines, merged.values.tolist(), strict=True)
        if line.name == name and (labels := dict(line.labels))
    }


def since(before: Counts, name: str = _FAMILY.count) -> Counts:
    return {
        key: value - before.get(key, 0.0)
        for key, value in shown(name).items()
        if value != before.get(key, 0.0)
    }


@EACH
def test_a_call_is_counted_once_with_its_host_method_and_status_class(
    send: Send, server: LocalServer
) -> None:
    before = shown()
    assert send("GET", f"http://user:password@{server.address}/200{SECRETS}", 10) == 200
    assert send("POST", f"http://{server.address}/404{SECRETS}", 10) == 404
    assert since(before) == {
        (server.address, "GET", "2xx"): 1,
        (server.address, "POST", "4xx"): 1,
    }


@EACH
def test_no_answer_is_an_error_and_the_exception_is_the_callers(
    send: Send, server: LocalServer
) -> None:
    before = shown()
    closed = f"127.0.0.1:{free_port()}"
    with pytest.raises(Exception, match=r".") as refused:
        send("GET", f"http://{closed}{SECRETS}", 10)
    with pytest.raises(Exception, match=r"|.") as late:
        send("GET", f"http://{server.address}/hang{SECRETS}", SECONDS / 2)
    modules = {type(error.value).__module__.split(".")[0] for error in (refused, late)}
    assert "monitoring" not in modules
    assert since(before) == {
        (closed, "GET", "error"): 1,
        (server.address, "GET", "error"): 1,
    }


@pytest.mark.parametrize(
    ("send", "answers"),
    [(of_requests, 2), (of_httpx, 2), (of_httpx_async, 2), (of_aiohttp, 1)],
)
def test_each_answer_of_a_redirect_counts_but_those_that_aiohttp_follows(
    send: Send, answers: int, server: LocalServer
) -> None:
    before = shown()
    assert send("GET", f"http://{server.address}/302/", 10) == 200
    assert sum(since(before).values()) == answers
    assert since(before)[server.address, "GET", "2xx"] == 1


def test_retries_of_urllib3_are_one_call(server: LocalServer) -> None:
    before = shown()
    retries = urllib3.Retry(2, status_forcelist=[503], raise_on_status=False)
    with urllib3.PoolManager(retries=retries) as pool:
        assert pool.request("GET", f"http://{server.address}/503/").status == 503
    assert since(before) == {(server.address, "GET", "5xx"): 1}


def test_a_call_ends_with_the_headers_of_its_answer(server: LocalServer) -> None:
    before = shown(_FAMILY.sum)
    url = f"http://{server.address}/200/stream/"
    started = time.perf_counter()
    assert requests.get(url, timeout=10).content == b"ab"
    assert httpx.get(url, trust_env=False).content == b"ab"
    assert of_aiohttp("GET", url, 10) == 200
    whole = time.perf_counter() - started
    assert whole >= 3 * SECONDS
    # Not a bound on our speed: the server slept the rest while the bodies were read.
    assert sum(since(before, _FAMILY.sum).values()) <= whole - 3 * SECONDS * 0.9


def test_what_a_signal_handler_raises_in_a_call_reaches_its_caller(server: LocalServer) -> None:
    def handler(number: int, frame: FrameType | None) -> None:
        raise TimeoutError("alarm")

    before = shown()
    previous = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, SECONDS / 2)
        with suppress(requests.RequestException), pytest.raises(TimeoutError):
            requests.get(f"http://{server.address}/hang/", timeout=10)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert since(before) == {(server.address, "GET", "error"): 1}


def test_a_transport_without_http_counts_nothing() -> None:
    instrument_outgoing()
    before = shown()
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    assert httpx.Client(transport=transport).get("http://example.org/").status_code == 200
    assert since(before) == {}


def test_instrumenting_again_counts_nothing_twice(server: LocalServer) -> None:
    instrument_outgoing()
    instrument_outgoing()
    before = shown()
    for send in LIBRARIES:
        send("GET", f"http://{server.address}/200/", 10)
    assert since(before) == {(server.address, "GET", "2xx"): len(LIBRARIES)}


urlpatterns: list[object] = []


@pytest.mark.urls(__name__)
@EACH
def test_a_routes_calls_are_its_outgoing_time(send: Send, server: LocalServer) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        send("GET", f"http://{server.address}/200/", 10)
        return HttpResponse()

    before = shown(_FAMILY.sum)
    route = f"/calls-{send.__name__.replace('_', '-')}/"
    urlpatterns[:] = [path(route[1:], view)]
    assert Client().get(route).status_code == 200
    merged = shared_merger(configured_directory()).merge()
    spent = [
        value
        for line, value in zip(merged.layout.lines, merged.values.tolist(), strict=True)
        if line.name == names.HTTP_REQUEST_OUTGOING_SECONDS and ("route", route) in line.labels
    ]
    assert spent == [pytest.approx(sum(since(before, _FAMILY.sum).values()))]
