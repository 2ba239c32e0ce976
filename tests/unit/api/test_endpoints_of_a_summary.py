"""The summary lists as many endpoints as are asked for, in the order that is asked for."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from monitoring.metrics.request_families import http_metrics

pytestmark = pytest.mark.django_db(transaction=True)


def ask(admin: User, query: str) -> Any:
    client = Client()
    client.force_login(admin)
    return client.get(f"/api/metrics/?window=all&{query}")


def routes(admin: User, query: str) -> list[str]:
    answer = ask(admin, query)
    assert answer.status_code == 200
    return [
        endpoint["route"]
        for endpoint in answer.json()["endpoints"]
        if endpoint["route"].startswith("/ranked-")
    ]


@pytest.fixture(scope="module", autouse=True)
def _counted() -> None:
    metrics = http_metrics()
    for number in range(30):
        route = f"/ranked-{number}/"
        metrics.requests.labels("GET", route, "200").inc(1_000_000 - 100 * number)
        metrics.requests.labels("GET", route, "404").inc(30 - number)
        metrics.duration.labels("GET", route).observe(1_000_000 * (1 + number % 7))
    # Beside them no route of another test is seen: they have too much time.
    for number, seconds in ((3, 2_000_000.0), (17, 3_000_000.0)):
        metrics.db_seconds.labels("GET", f"/ranked-{number}/").inc(seconds)
        metrics.db_queries.labels("GET", f"/ranked-{number}/").inc(999_727)


def test_the_number_and_the_order_are_as_asked(admin: User) -> None:
    assert len(routes(admin, "")) == 20
    assert routes(admin, "endpoints=3&sort=count") == [f"/ranked-{n}/" for n in (0, 1, 2)]
    assert routes(admin, "endpoints=2&sort=errors") == ["/ranked-0/", "/ranked-1/"]
    assert routes(admin, "endpoints=4&sort=total") == [f"/ranked-{n}/" for n in (13, 20, 27, 6)]
    assert routes(admin, "endpoints=2&sort=db") == ["/ranked-17/", "/ranked-3/"]
    assert len(routes(admin, "endpoints=1000&sort=p95")) == 30
    assert routes(admin, "endpoints=0") == []


def test_an_endpoint_has_its_share_of_database_time_and_its_queries(admin: User) -> None:
    second = ask(admin, "endpoints=2&sort=db").json()["endpoints"][1]
    assert second["route"] == "/ranked-3/"
    assert second["db_share"] == pytest.approx(0.5)
    assert second["queries_per_request"] == pytest.approx(1, abs=0.001)
    assert (second["cache_share"], second["outgoing_share"]) == (0, 0)


def test_one_route_can_be_asked_for_and_how_many_there_are_is_told(admin: User) -> None:
    answer = ask(admin, "route=/ranked-29/&method=GET").json()
    (endpoint,) = answer["endpoints"]
    assert endpoint["route"] == "/ranked-29/"
    assert endpoint["status_codes"] == {"200": 997_100, "404": 1}
    assert answer["endpoint_count"] >= 30
    assert routes(admin, "route=/ranked-29/&method=POST") == []
    assert routes(admin, "route=/ranked-29/&sort=p95") == ["/ranked-29/"]
    assert len(routes(admin, "method=GET&endpoints=3&sort=count")) == 3


def test_a_route_that_is_not_known_has_no_points_and_says_so(admin: User) -> None:
    client = Client()
    client.force_login(admin)
    answer = client.get("/api/metrics/series/?window=5m&method=PUT&route=/nowhere/")
    assert answer.status_code == 200
    assert (answer.json()["points"], answer.json()["histogram"]) == ([], [])
    assert answer.json()["unavailable"] == {"points": "no request of PUT /nowhere/ is known"}
    for url in ("/api/metrics/series/", "/api/metrics/database/"):
        refused = client.get(f"{url}?window=5m&route=")
        assert refused.status_code == 400
        assert list(refused.json()["error"]["fields"]) == ["route"]


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("endpoints=1001", "endpoints", "from 0 to 1000"),
        ("endpoints=-1", "endpoints", "from 0 to 1000"),
        ("endpoints=ten", "endpoints", "from 0 to 1000"),
        ("endpoints=", "endpoints", "from 0 to 1000"),
        ("endpoints=%D9%A3", "endpoints", "from 0 to 1000"),
        (f"endpoints={'9' * 5000}", "endpoints", "from 0 to 1000"),
        ("method=", "method", "1 to 1000 characters"),
        (f"route={'/' * 1001}", "route", "1 to 1000 characters"),
        ("sort=name", "sort", "total, p95, count, errors, db"),
        ("sort=", "sort", "total, p95, count, errors, db"),
    ],
)
def test_anything_else_is_refused_by_name(admin: User, query: str, field: str, says: str) -> None:
    answer = ask(admin, query)
    assert answer.status_code == 400
    (fields,) = [answer.json()["error"]["fields"]]
    assert list(fields) == [field]
    assert says in fields[field][0]
