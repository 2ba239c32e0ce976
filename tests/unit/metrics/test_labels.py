"""Label values come from closed sets, readable for every kind of URL pattern."""

from django.urls import ResolverMatch

from monitoring.metrics.labels import Routes, template_label


def match(route: str, name: str | None = None, namespace: str | None = None) -> ResolverMatch:
    return ResolverMatch(
        lambda request: None,
        (),
        {},
        url_name=name,
        namespaces=[namespace] if namespace else [],
        route=route,
    )


def test_templates_of_paths_and_regular_expressions() -> None:
    assert template_label("") == "/"
    assert template_label("demo/items/<int:pk>/") == "/demo/items/<int:pk>/"
    assert template_label(r"api/^users/(?P<pk>[^/.]+)/$") == "/api/users/<pk>/"
    assert template_label(r"^years/([0-9]{4})/$") == "/years/<var>/"
    assert template_label(r"^a(?:b|c)/$").startswith("/")


def test_no_match_is_unmatched() -> None:
    assert Routes(10, ()).of(None).label == "unmatched"


def test_routes_past_the_limit_share_one_label() -> None:
    routes = Routes(2, ())
    labels = [routes.of(match(f"r{number}/")).label for number in range(5)]
    assert labels == ["/r0/", "/r1/", "_overflow", "_overflow", "_overflow"]
    assert routes.of(match("r1/")).label == "/r1/"
    assert routes.of(match("r9/")).overflow


def test_routes_are_ignored_by_template_or_by_name() -> None:
    routes = Routes(10, ("/healthz/", "/static/*", "multiprocess_exporter:*"))
    assert routes.of(match("healthz/")).ignored
    assert routes.of(match("static/<path:path>")).ignored
    assert routes.of(match("m/", name="scrape", namespace="multiprocess_exporter")).ignored
    assert not routes.of(match("shop/", name="shop")).ignored
