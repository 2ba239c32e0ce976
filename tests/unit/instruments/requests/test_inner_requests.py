"""A request that a view runs through MIDDLEWARE itself is a part of the view's own."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import path
from prometheus_client.samples import Sample

from monitoring.backing_services.database_probe import close_all
from monitoring.metrics.request_families import http_metrics
from monitoring.storage.values import value_of
from monitoring.tracking import track_queries

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def inner(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if threading.current_thread() is not threading.main_thread():
        close_all()  # Django keeps a database in memory open
    return HttpResponse("inner")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(["inner"]))


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("on purpose")


def answer_of(url: str) -> Any:
    """The answer of the site's whole stack, loaded anew, as a preview gets it."""
    handler = BaseHandler()
    handler.load_middleware()
    return handler.get_response(RequestFactory().get(url))


left_contexts: list[contextvars.Context] = []
four_threads = threading.Barrier(4)


def leaves(request: HttpRequest) -> HttpResponse:
    """Leaves its context behind, as a task does that goes on when its request has ended."""
    left_contexts.append(contextvars.copy_context())
    return HttpResponse()


def meets(request: HttpRequest) -> HttpResponse:
    four_threads.wait(30)
    return HttpResponse()


async def waits(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0.05)
    return HttpResponse()


def preview(request: HttpRequest) -> Any:
    return answer_of(request.GET["of"])


def tracked_preview(request: HttpRequest) -> Any:
    with track_queries("preview"):
        return answer_of("/preview/?of=/inner/")


async def async_preview(request: HttpRequest) -> Any:
    return await AsyncClient().get("/inner/")


def preview_in_a_thread_with_our_context(request: HttpRequest) -> Any:
    found: list[Any] = []
    run = contextvars.copy_context().run
    thread = threading.Thread(target=lambda: found.append(run(answer_of, "/inner/")))
    thread.start()
    thread.join()
    return found[0]


urlpatterns = [
    path("inner/", inner),
    path("stream/", stream),
    path("fails/", fails),
    path("leaves/", leaves),
    path("meets/", meets),
    path("waits/", waits),
    path("preview/", preview),
    path("tracked/", tracked_preview),
    path("async/", async_preview),
    path("thread/", preview_in_a_thread_with_our_context),
]


def samples(name: str, metric: Any) -> Iterator[Sample]:
    return (s for family in metric.collect() for s in family.samples if s.name == name)


class Requests:
    """What was counted since it was made: requests by route and status, and their queries."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> tuple[dict[tuple[str, str], float], float]:
        metrics = http_metrics()
        assert value_of(metrics.in_progress).get() == 0
        counts = {
            (s.labels["route"], s.labels["status"]): s.value
            for s in samples("http_requests_total", metrics.requests)
        }
        queries = next(s.value for s in samples("http_request_queries_sum", metrics.queries))
        return counts, queries

    def counted(self) -> dict[tuple[str, str], float]:
        now, before = self._now()[0], self._before[0]
        return {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)}

    def queries(self) -> float:
        return self._now()[1] - self._before[1]


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("/preview/?of=/inner/", "/preview/"),
        ("/preview/?of=/preview/%3Fof=/inner/", "/preview/"),
        ("/tracked/", "/tracked/"),
        ("/async/", "/async/"),
        ("/thread/", "/thread/"),
    ],
)
@pytest.mark.parametrize("stack", ["sync", "async"])
def test_only_the_outermost_counts_with_the_queries_of_both(
    url: str, route: str, stack: str
) -> None:
    requests = Requests()
    if stack == "sync":
        assert Client().get(url).content == b"inner"
    else:
        assert asyncio.run(AsyncClient().get(url)).content == b"inner"
    assert requests.counted() == {(route, "200"): 1}
    if route != "/thread/":  # that thread has a connection of its own, to an empty database
        assert requests.queries() == 1


def test_an_inner_answer_that_fails_or_streams_is_the_outer_ones() -> None:
    requests = Requests()
    assert Client(raise_request_exception=False).get("/preview/?of=/fails/").status_code == 500
    response: Any = Client().get("/preview/?of=/stream/")
    assert b"".join(response) == b"inner"
    assert requests.counted() == {("/preview/", "500"): 1, ("/preview/", "200"): 1}


def test_a_stream_left_open_does_not_swallow_its_threads_next_request() -> None:
    requests = Requests()
    response = Client().get("/stream/")
    Client().get("/inner/")
    response.close()
    Client().get("/inner/")
    assert requests.counted() == {("/stream/", "200"): 1, ("/inner/", "200"): 2}


def test_work_that_goes_on_after_its_request_counts_its_own_requests() -> None:
    requests = Requests()
    Client().get("/leaves/")
    left_contexts.pop().run(Client().get, "/inner/")
    assert requests.counted() == {("/leaves/", "200"): 1, ("/inner/", "200"): 1}


def test_requests_of_other_threads_and_tasks_at_the_same_time_all_count() -> None:
    requests = Requests()
    together = [threading.Thread(target=Client().get, args=["/meets/"]) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()

    async def tasks() -> None:
        await asyncio.gather(*(AsyncClient().get("/waits/") for _ in range(5)))

    asyncio.run(tasks())
    assert requests.counted() == {("/meets/", "200"): 4, ("/waits/", "200"): 5}
