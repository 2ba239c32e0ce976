"""A traced request leaves its trace on both latency histograms, however it is answered."""

import asyncio
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from monitoring.exposition.scrape import Scraper
from monitoring.merging.fine_reader import FineReader
from monitoring.merging.layout import Values
from monitoring.metrics.request_families import HIGHR_BOUNDS, http_metrics
from monitoring.storage.directory import configured_directory
from monitoring.storage.exemplars import DIRECT_RECORDS, RECORDS


def ok(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("on purpose")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter(["a", "b"]))


urlpatterns = [path("traced/", ok), path("fails/", fails), path("stream/", stream)]

pytestmark = pytest.mark.urls(__name__)


def header(number: int) -> dict[str, str]:
    return {"traceparent": f"00-{number:032x}-{1:016x}-01"}


def shown(route: str) -> tuple[set[int], set[int]]:
    """The numbers of the traces on the route's buckets, and on the fine buckets."""
    text = (
        Scraper(configured_directory())
        .answer({"Accept": "application/openmetrics-text"})
        .body.decode()
    )
    found: dict[str, set[int]] = {"": set(), route: set()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.exemplar is not None:
                number = int(sample.exemplar.labels["trace_id"], 16)
                found.setdefault(sample.labels.get("route", ""), set()).add(number)
    return found[route], found[""]


def body(response: Any) -> Iterator[bytes]:
    return iter(response.streaming_content)


def counted(route: str, status: str) -> float:
    value: float = http_metrics().requests.labels("GET", route, status)._value.get()
    return value


@pytest.mark.parametrize(("number", "route"), [(1, "/traced/"), (2, "/fails/"), (3, "/nowhere/")])
def test_an_answer_of_any_status_leaves_its_trace(number: int, route: str) -> None:
    Client(raise_request_exception=False).get(route, headers=header(number))
    of_route, fine = shown("unmatched" if route == "/nowhere/" else route)
    assert number in of_route
    assert number in fine


def test_an_async_request_leaves_its_trace() -> None:
    asyncio.run(AsyncClient().get("/traced/", headers=header(4)))
    of_route, fine = shown("/traced/")
    assert 4 in of_route & fine


def test_a_stream_leaves_its_trace_when_it_has_ended() -> None:
    response = Client().get("/stream/", headers=header(5))
    assert shown("/stream/")[0] == set()
    list(body(response))
    of_route, fine = shown("/stream/")
    assert 5 in of_route & fine


def test_a_tracing_library_that_fails_costs_the_exemplar_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise RuntimeError("no context")

    monkeypatch.setitem(sys.modules, "opentelemetry.trace", SimpleNamespace(get_current_span=fail))
    before = counted("/traced/", "200")
    in_progress = http_metrics().in_progress._value.get()
    assert Client().get("/traced/", headers=header(6)).status_code == 200
    assert counted("/traced/", "200") == before + 1
    assert http_metrics().in_progress._value.get() == in_progress
    assert 6 not in shown("/traced/")[0]


def test_each_fine_bucket_has_a_record_of_its_own_and_others_share_a_table() -> None:
    metrics = http_metrics()
    fine = [metrics.duration_highr.exemplar_place(bound) for bound in (*HIGHR_BOUNDS, 1e9)]
    assert [place.number for place in fine] == list(range(DIRECT_RECORDS))
    routes = [metrics.duration.labels("GET", f"/place/{number}/") for number in range(100)]
    places = [child.exemplar_place(0.3) for child in routes]
    assert all(DIRECT_RECORDS <= place.number < RECORDS for place in places)
    assert len({place.digest for place in places}) == 100


def test_each_request_is_one_count_in_the_bucket_of_its_time_and_route() -> None:
    read = FineReader(configured_directory(), lambda: None).read

    def counts() -> dict[tuple[str, str], Values]:
        fine = read()
        return dict(zip(fine.endpoints, fine.counts, strict=True))

    before = counts()
    for route, times in (("/traced/", 3), ("/fails/", 1), ("/nowhere/", 2)):
        for _ in range(times):
            Client(raise_request_exception=False).get(route)
    after = counts()
    for route, times in (("/traced/", 3), ("/fails/", 1), ("unmatched", 2)):
        added = after["GET", route] - before.get(("GET", route), 0.0)
        assert added.sum() == times
        filled = np.flatnonzero(added)
        assert 0 < HIGHR_BOUNDS[filled[-1]] < 10  # seconds
