"""Label values come from closed sets, whatever clients send."""

import pytest
from django.urls import ResolverMatch
from django.utils.functional import lazy

from monitoring.metrics.labels import Routes, Unresolved, no_traffic, static_prefix


def match(route: str, name: str | None = None, namespace: str | None = None) -> ResolverMatch:
    return ResolverMatch(
        lambda request: None,
        (),
        {},
        url_name=name,
        namespaces=[namespace] if namespace else [],
        route=route,
    )


@pytest.mark.parametrize(
    ("static_url", "prefix"),
    [
        ("/static/", "/static/"),
        ("/shop/static/", "/shop/static/"),
        ("https://cdn.example.org/files/", "/files/"),
        ("https://cdn.example.org", None),
        ("https://cdn.example.org/", None),
        (lazy(lambda: "/static/", str)(), "/static/"),
        ("http://[bad/", None),
        ("/", None),
        ("", None),
        (None, None),
    ],
    ids=repr,
)
def test_static_files_are_those_below_the_path_of_static_url(
    static_url: object, prefix: str | None
) -> None:
    assert static_prefix(static_url) == prefix


def test_routes_past_the_limit_share_one_label() -> None:
    routes = Routes(2, ())
    labels = [routes.of(match(f"r{number}/")).label for number in range(5)]
    assert labels == ["/r0/", "/r1/", "_overflow", "_overflow", "_overflow"]
    assert routes.of(match("r1/")).label == "/r1/"
    assert routes.of(match("r9/")).overflow


def test_requests_without_a_route_are_ignored_by_their_label() -> None:
    for why in Unresolved:
        assert Routes(10, (why.value,)).unresolved[why].ignored
        assert not Routes(10, ()).unresolved[why].ignored
    full = Routes(1, ("_overflow",))
    assert not full.of(match("a/")).ignored
    assert full.of(match("b/")).ignored


def test_routes_are_ignored_by_template_or_by_name() -> None:
    routes = Routes(10, ("/healthz/", "/static/*", "multiprocess_exporter:*"))
    assert routes.of(match("healthz/")).ignored
    assert routes.of(match("static/<path:path>")).ignored
    assert routes.of(match("m/", name="scrape", namespace="multiprocess_exporter")).ignored
    assert not routes.of(match("shop/", name="shop")).ignored


def test_a_view_that_is_marked_is_no_traffic_under_every_name() -> None:
    routes = Routes(10, ())
    ours = ResolverMatch(no_traffic(lambda request: None), (), {}, url_name="x", route="ops/s/")
    assert routes.of(ours).ignored
    assert not routes.of(match("ops/other/")).ignored
