"""One count for each request, whatever becomes of it, and no harm to the request."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from monitoring.instruments.requests.recorder import request_recorder
from monitoring.metrics.labels import no_traffic
from monitoring.metrics.request_families import http_metrics
from monitoring.storage.directory import configured_directory
from monitoring.storage.values import value_of
from tests.unit.stock import stock_samples

MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"


def ok(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("on purpose")


def missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(["a", "b", "c"]))


def broken_stream(request: HttpRequest) -> StreamingHttpResponse:
    def chunks() -> Iterator[str]:
        yield "a"
        raise LookupError("on purpose")

    return StreamingHttpResponse(chunks())


def unheard_of(request: HttpRequest) -> HttpResponse:
    """Leaves in the request what the recorder has no way to read: stands for a mistake of ours."""
    no_match: Any = "no match"
    request.resolver_match = no_match
    return HttpResponse("ok")


def reads(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


async def waits(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(60)
    return HttpResponse("late")


def refuse(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], HttpResponse]:
    """An inner middleware that answers before the URL is resolved."""
    return lambda request: HttpResponse("refused", status=429)


def forget(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Forgets its answer in one of its branches."""

    def answer(request: HttpRequest) -> Any:
        response = get_response(request)
        return None if request.path == "/missing/" else response

    return answer


def serve_files(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """An inner middleware that answers for files before the URL is resolved: WhiteNoise."""

    def answer(request: HttpRequest) -> Any:
        if request.path_info == "/static/broken":
            raise LookupError("on purpose")
        if request.path_info.startswith("/static/a"):
            return HttpResponse("file")
        return get_response(request)

    return answer


urlpatterns = [
    path("ok/", ok),
    path("fails/", fails),
    path("missing/", missing),
    path("forbidden/", forbidden),
    path("stream/", stream),
    path("broken/", broken_stream),
    path("unheard-of/", unheard_of),
    path("reads/", reads),
    path("waits/", waits),
    path("probe/", no_traffic(partial(ok))),
]

# The end of a stream looks after the database connection, if an earlier test has opened one.
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def samples(metric: Collector) -> list[Sample]:
    return [sample for family in metric.collect() for sample in family.samples]


def body_of(response: Any) -> Iterator[bytes]:
    return iter(response.streaming_content)


class Counts:
    """The changes of the HTTP metrics since it was made."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> dict[tuple[str, ...], float]:
        metrics = http_metrics()
        found: dict[tuple[str, ...], float] = {}
        for metric in (metrics.requests, metrics.errors, metrics.exceptions, metrics.slow):
            for sample in samples(metric):
                if sample.name.endswith("_total"):
                    found[sample.name, *sample.labels.values()] = sample.value
        for name, histogram in (("h", metrics.duration), ("highr", metrics.duration_highr)):
            for sample in samples(histogram):
                if sample.name.endswith("_count"):
                    found[name, *sample.labels.values()] = sample.value
        found["in_progress",] = value_of(metrics.in_progress).get()
        return found

    def changes(self) -> dict[tuple[str, ...], float]:
        now = self._now()
        return {
            key: value - self._before.get(key, 0)
            for key, value in now.items()
            if value != self._before.get(key, 0)
        }


def counted(method: str, route: str, status: str) -> dict[tuple[str, ...], float]:
    expected = {
        ("http_requests_total", method, route, status): 1.0,
        ("h", method, route): 1.0,
        ("highr",): 1.0,
    }
    if int(status) >= 400:
        expected["http_errors_total", method, route, status] = 1.0
    return expected


@pytest.mark.parametrize(
    ("url", "route", "status"),
    [
        ("/ok/", "/ok/", "200"),
        ("/missing/", "/missing/", "404"),
        ("/forbidden/", "/forbidden/", "403"),
        ("/nowhere/", "unmatched", "404"),
        ("/ok", "_middleware", "301"),
    ],
)
def test_every_answer_is_counted_once(url: str, route: str, status: str) -> None:
    counts = Counts()
    Client().get(url)
    assert counts.changes() == counted("GET", route, status)


def test_an_exception_is_a_500_and_counted_by_type() -> None:
    counts = Counts()
    Client(raise_request_exception=False).get("/fails/")
    assert counts.changes() == {
        **counted("GET", "/fails/", "500"),
        ("http_exceptions_total", "LookupError", "/fails/"): 1.0,
    }


def test_slow_requests_are_counted_from_zero_on() -> None:
    """The family is there before the first slow one, so that rate() sees that one."""
    Client().put("/ok/")
    slow = http_metrics().slow
    labels = {"method": "PUT", "route": "/ok/"}
    assert next(s.value for s in samples(slow) if s.labels == labels) == 0
    with override_settings(MONITORING={"SLOW_REQUEST_MS": 1e-9}):
        request_recorder.cache_clear()
        Client().put("/ok/")
    request_recorder.cache_clear()
    assert next(s.value for s in samples(slow) if s.labels == labels) == 1


def test_the_wait_before_us_is_measured_from_the_proxys_header() -> None:
    def waited() -> float:
        return next(s.value for s in samples(http_metrics().queue) if s.name.endswith("_sum"))

    before = waited()
    Client().get("/ok/", headers={"X-Request-Start": f"t={time.time() - 30:.3f}"})
    Client().get("/ok/", headers={"X-Request-Start": "yesterday"})
    assert waited() - before == pytest.approx(30, abs=1)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_middleware_that_forgets_its_answer_hides_no_later_request(client: Any) -> None:
    before = Counts()
    with override_settings(MIDDLEWARE=[MIDDLEWARE, f"{__name__}.forget"]):
        asked = client(raise_request_exception=False)

        def get(url: str) -> Any:
            answer = asked.get(url)
            return asyncio.run(answer) if asyncio.iscoroutine(answer) else answer

        with pytest.raises(AttributeError):  # Django's own
            get("/missing/")
        assert get("/ok/").status_code == get("/ok/").status_code == 200
    changes = before.changes()
    assert changes["http_requests_total", "GET", "/missing/", "500"] == 1
    assert changes["http_requests_total", "GET", "/ok/", "200"] == 2
    assert ("in_progress",) not in changes


def test_an_odd_method_is_other() -> None:
    counts = Counts()
    Client().generic("FROB", "/ok/")
    assert counts.changes() == counted("_OTHER", "/ok/", "200")


def test_what_a_middleware_answers_is_told_from_404s_and_from_the_views() -> None:
    counts = Counts()
    with override_settings(MIDDLEWARE=[MIDDLEWARE, f"{__name__}.refuse"]):
        Client().get("/ok/")
        Client().get("/nowhere/")
    twice = {key: 2 * value for key, value in counted("GET", "_middleware", "429").items()}
    assert counts.changes() == twice


def test_a_redirect_to_https_is_a_middlewares_and_before_a_view_of_no_traffic_none() -> None:
    counts = Counts()
    stack = [MIDDLEWARE, "django.middleware.security.SecurityMiddleware"]
    with override_settings(MIDDLEWARE=stack, SECURE_SSL_REDIRECT=True):
        assert Client().get("/ok/").status_code == 301
        assert Client().get("/probe/").status_code == 301
    assert counts.changes() == counted("GET", "_middleware", "301")


def test_requests_are_counted_while_the_urls_cannot_be_imported() -> None:
    counts = Counts()
    # Even Django's page of an error needs them.
    with override_settings(ROOT_URLCONF="no.such.urls"), pytest.raises(ModuleNotFoundError):
        Client(raise_request_exception=False).get("/ok/")
    changes = counts.changes()
    assert changes["http_requests_total", "GET", "_middleware", "500"] == 1


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("/static/*", {("unmatched", "404"): 1}),
        ("_static", {("unmatched", "404"): 2}),
        ("unmatched", {("_static", "200"): 2, ("_static", "500"): 1}),
    ],
)
def test_files_that_a_middleware_serves_can_be_left_out(
    pattern: str, left: dict[tuple[str, str], int]
) -> None:
    counts = Counts()
    request_recorder.cache_clear()
    with override_settings(
        MONITORING={"IGNORE_ROUTES": [pattern]},
        MIDDLEWARE=[MIDDLEWARE, f"{__name__}.serve_files"],
        STATIC_URL="/static/",
    ):
        client = Client(raise_request_exception=False)
        for name in ("a.css", "a.js", "broken", "missing.png"):
            client.get(f"/static/{name}")
        client.get("/ok/")
        client.get("/nowhere/")
    request_recorder.cache_clear()
    found = {
        key[2:]: value for key, value in counts.changes().items() if key[0] == "http_requests_total"
    }
    assert found == {("/ok/", "200"): 1, **left}


@pytest.mark.parametrize("static", ["/static/", "/shop/static/"])
def test_static_files_below_a_scripts_name_are_static(static: str) -> None:
    """The server's SCRIPT_NAME is not in STATIC_URL; that of FORCE_SCRIPT_NAME is."""
    counts = Counts()
    request_recorder.cache_clear()
    with override_settings(MIDDLEWARE=[MIDDLEWARE, f"{__name__}.serve_files"], STATIC_URL=static):
        Client(raise_request_exception=False).get("/static/broken", SCRIPT_NAME="/shop")
    request_recorder.cache_clear()
    assert counts.changes()["http_requests_total", "GET", "_static", "500"] == 1


@pytest.mark.parametrize("ignored", [[], ["/static/*"], ["_static"]])
def test_files_of_whitenoise_are_static_and_can_be_left_out(
    tmp_path: Path, ignored: list[str]
) -> None:
    (tmp_path / "a.css").write_text("a {}")
    counts = Counts()
    request_recorder.cache_clear()
    with override_settings(
        MONITORING={"IGNORE_ROUTES": ignored},
        MIDDLEWARE=[MIDDLEWARE, "whitenoise.middleware.WhiteNoiseMiddleware"],
        STATIC_URL="/static/",
        STATIC_ROOT=tmp_path,
    ):
        client = Client()
        response = client.get("/static/a.css")
        assert b"".join(body_of(response)) == b"a {}"
        response.close()
    request_recorder.cache_clear()
    assert counts.changes() == ({} if ignored else counted("GET", "_static", "200"))


def test_a_middleware_that_is_listed_twice_counts_once() -> None:
    counts = Counts()
    with override_settings(MIDDLEWARE=[MIDDLEWARE, MIDDLEWARE]):
        Client().get("/ok/")
    assert counts.changes() == counted("GET", "/ok/", "200")


def test_a_stream_is_counted_once_when_its_content_ends() -> None:
    counts = Counts()
    response = Client().get("/stream/")
    assert counts.changes() == {("in_progress",): 1.0}
    assert b"".join(body_of(response)) == b"abc"
    assert counts.changes() == counted("GET", "/stream/", "200")
    response.close()
    assert counts.changes() == counted("GET", "/stream/", "200")


def test_a_stream_that_nobody_reads_to_its_end_is_counted_once() -> None:
    counts = Counts()
    response = Client().get("/stream/")
    next(body_of(response))
    response.close()
    assert counts.changes() == counted("GET", "/stream/", "200")


def test_a_stream_that_breaks_off_leaves_its_exception() -> None:
    counts = Counts()
    response = Client().get("/broken/")
    with pytest.raises(LookupError):
        list(body_of(response))
    response.close()
    assert counts.changes() == {
        **counted("GET", "/broken/", "200"),
        ("http_exceptions_total", "LookupError", "/broken/"): 1.0,
    }


def test_an_async_stack_counts_the_same() -> None:
    counts = Counts()

    async def requests() -> None:
        client = AsyncClient(raise_request_exception=False)
        await client.get("/ok/")
        await client.get("/fails/")

    asyncio.run(requests())
    assert counts.changes() == {
        **counted("GET", "/ok/", "200"),
        **counted("GET", "/fails/", "500"),
        ("http_exceptions_total", "LookupError", "/fails/"): 1.0,
        ("highr",): 2.0,
    }


def test_a_client_that_leaves_an_async_view_is_a_499() -> None:
    counts = Counts()

    async def leave() -> None:
        sent: list[Mapping[str, Any]] = []
        messages = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, Any]:
            for message in messages:
                return message
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/waits/", "headers": []}
        with override_settings(MIDDLEWARE=[MIDDLEWARE]):
            handler = ASGIHandler()
        await handler(scope, receive, send)
        assert sent == []

    asyncio.run(leave())
    assert counts.changes() == counted("GET", "/waits/", "499")


class CutUpload:
    """The input of a WSGI server whose client resets the connection in the middle of an upload."""

    def read(self, *_: int) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    readline = read


@pytest.mark.parametrize("stack", ["sync", "async"])
def test_an_upload_that_its_client_cuts_is_a_499_and_no_exception(stack: str) -> None:
    counts = Counts()
    factory, middleware = RequestFactory(), [MIDDLEWARE]
    cut: dict[str, Any] = {"wsgi.input": CutUpload(), "CONTENT_LENGTH": "1000"}
    request = factory.generic("POST", "/reads/", **cut)
    with override_settings(MIDDLEWARE=middleware):
        handler = BaseHandler()
        handler.load_middleware(is_async=stack == "async")
    if stack == "async":
        asyncio.run(handler.get_response_async(request)).close()
    else:
        handler.get_response(request).close()
    assert counts.changes() == counted("POST", "/reads/", "499")


def internal_errors() -> float:
    dropped = "monitoring_dropped_total", (("reason", "internal_error"),)
    return stock_samples(configured_directory())[dropped]


def test_an_error_of_ours_fails_no_request_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    counts, before = Counts(), internal_errors()
    for _ in range(3):
        assert Client().get("/unheard-of/").content == b"ok"
    assert value_of(http_metrics().in_progress).get() == 0
    assert counts.changes() == {}
    assert internal_errors() - before == 3
    assert [record.message for record in caplog.records] == ["a request could not be recorded"]
