"""A route is found by its name, and has a view of its own that can be linked and left again."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Response, Route

from tests.browser.conftest import STATUS, StatusPage, screenshot, violations
from tests.browser.site import Site

SLOW = "#method=GET&route=%2Fdemo%2Fslow%2F"


def shown_routes(status: StatusPage) -> list[str]:
    return status.page.locator("#sp-routes td:first-child").all_inner_texts()


def answers_for(status: StatusPage, route: str) -> dict[str, Any]:
    """The last answers about the route, by endpoint, once the page rests."""
    found: dict[str, Response] = {}

    def note(response: Response) -> None:
        parts = urlsplit(response.url)
        if parse_qs(parts.query).get("route") == [route]:
            found[parts.path] = response

    status.page.on("response", note)
    status.open(f"{STATUS}#method=GET&route={route}")
    status.wait_for("all parts", lambda: "/api/metrics/database/" in found)
    status.page.click("#sp-pause")
    status.wait_for("the end of the round", lambda: status.under_way == 0)
    status.wait_for("its last part", lambda: status.text("#sp-queries"))
    return {path: response.json() for path, response in found.items()}


def test_a_route_is_found_by_a_part_of_its_name(status: StatusPage) -> None:
    status.open_with_figures()
    everything = shown_routes(status)
    with status.page.expect_response(lambda response: "endpoints=200" in response.url):
        status.page.fill("#sp-search", "GET  Items")
    status.wait_for("it alone", lambda: shown_routes(status) == ["/demo/items/<int:pk>/"])
    assert status.text("#sp-routes-card [role=status]") == f"1 of {len(everything)} found."
    status.page.fill("#sp-search", "nowhere")
    assert status.text("#sp-routes") == "No route has this in its name."
    status.page.fill("#sp-search", "")
    assert sorted(shown_routes(status)) == sorted(everything)


def test_routes_that_are_not_searched_are_told(status: StatusPage) -> None:
    def answer(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "endpoint_count": 1234})

    status.page.route("**/api/metrics/?window=*", answer)
    status.open_with_figures()
    listed = len(shown_routes(status))
    assert status.text("#sp-routes-title small").endswith("in total, of 1,234")
    status.page.fill("#sp-search", "slow")
    assert status.text("#sp-routes-card [role=status]") == (
        f"1 of {listed} found. {1234 - listed:,} routes with less time in total not searched."
    )
    status.page.click("#sp-pause")
    status.wait_for("the end of the round", lambda: status.under_way == 0)
    status.page.unroute_all(behavior="wait")


def test_the_view_of_a_route_has_its_figures_alone(status: StatusPage) -> None:
    found = answers_for(status, "/demo/slow/")
    (endpoint,) = found["/api/metrics/"]["endpoints"]
    assert status.text("#sp-route-title") == "GET /demo/slow/"
    assert status.page.title().startswith("GET /demo/slow/ | ")
    for name in ("error_rate", "p95_response_time", "max_response_time", "queries_per_request"):
        assert float(status.value(name) or "nan") == endpoint[name]
    codes = status.page.locator("#sp-codes tbody tr").all_inner_texts()
    assert codes == [f"200\t{endpoint['request_count']}\t100 %"]
    spent = status.page.locator("#sp-route-spent tbody td:first-child").all_inner_texts()
    assert spent == ["Database", "Cache", "Outgoing HTTP", "All else"]
    assert status.text("#sp-route-spent tbody tr:last-child").startswith("All else 100 %")
    slow = status.page.locator("#sp-requests tbody tr").all_inner_texts()
    assert slow
    assert all("/demo/slow/" in row for row in slow)
    assert status.text("#sp-queries") == "No query was slow."
    series = found["/api/metrics/series/"]
    total = sum(bar["count"] for bar in series["histogram"])
    assert total == sum(sum(p["status_classes"].values()) for p in series["points"])
    assert f"{total} requests in the window" in status.text("#sp-histogram .sp-legend")
    status.page.click("#sp-latency summary")
    rows = status.page.locator("#sp-latency tbody tr")
    status.wait_for("its table", lambda: rows.count() == len(series["points"]))
    for hidden in ("#sp-health", "#sp-routes", "#sp-alerts", "#sp-notifications"):
        assert not status.page.locator(hidden).is_visible()
    assert "notifications" not in status.asked


def test_a_route_is_opened_and_left_by_keyboard_and_the_focus_follows(status: StatusPage) -> None:
    status.open_with_figures()
    status.page.focus(f'#sp-routes a[href="{SLOW}"]')
    with status.page.expect_response(lambda response: "route=%2Fdemo%2Fslow%2F" in response.url):
        status.page.keyboard.press("Enter")
    assert status.page.url.endswith(SLOW)
    assert status.evaluate("document.activeElement.id") == "sp-route-title"
    status.wait_for("its figures", lambda: status.value("max_response_time"))
    status.page.go_back()
    status.wait_for("the site", lambda: status.page.locator("#sp-routes").is_visible())
    assert status.evaluate("document.activeElement.getAttribute('href')") == SLOW
    status.wait_for("its figures", lambda: status.value("requests_per_second"))
    assert status.page.locator('[data-figure="workers"]').count() == 1
    status.page.go_forward()
    status.wait_for("its figures again", lambda: status.value("max_response_time"))
    status.page.click("text=All routes")
    assert status.page.locator("#sp-alerts").is_visible()
    assert not status.page.locator("#sp-codes").is_visible()


def test_a_paused_page_opens_a_route_and_its_windows_and_rests_again(status: StatusPage) -> None:
    status.with_clock().open_with_figures()
    status.page.click("#sp-pause")
    status.page.click(f'#sp-routes a[href="{SLOW}"]')
    status.wait_for("its figures", lambda: status.value("max_response_time"))
    status.wait_for("the end of the round", lambda: status.asked.count("database") >= 2)
    with status.page.expect_response(lambda response: "series" in response.url) as caught:
        status.page.check("[name=window][value='15m']", force=True)
    query = parse_qs(urlsplit(caught.value.url).query)
    assert query == {"window": ["15m"], "method": ["GET"], "route": ["/demo/slow/"]}
    status.wait_for("the end of the round", lambda: status.asked.count("database") >= 3)
    status.wait_for("rest", lambda: status.under_way == 0)
    before = list(status.asked)
    status.page.clock.run_for(60_000)
    assert status.asked == before


def test_a_route_that_nobody_asked_for_says_so(status: StatusPage) -> None:
    status.open(f"{STATUS}#method=GET&route=/none/<b>/")
    status.wait_for_state("Live.")
    plot = status.page.locator("#sp-latency .sp-plot")
    status.wait_for("the reason", lambda: plot.get_attribute("data-reason"))
    status.wait_for("series", lambda: "known" in (plot.get_attribute("data-reason") or ""))
    assert plot.get_attribute("data-reason") == "No request of GET /none/<b>/ is known."
    assert status.text("#sp-codes") == "No requests in this window."
    assert status.text('[data-figure="error_rate"]').endswith("no requests in this window")
    assert status.text("#sp-route-title") == "GET /none/<b>/"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_view_of_a_route_is_accessible_and_fits_on_a_phone(
    site: Site, status: StatusPage, scheme: str
) -> None:
    status.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    answers_for(status, "/demo/items/<int:pk>/")
    assert screenshot(status, f"route-{scheme}").stat().st_size > 30_000
    assert violations(status, '"#status-page"') == []
    status.page.set_viewport_size({"width": 400, "height": 800})
    status.wait_for("the layout", lambda: status.evaluate("innerWidth") == 400)
    assert status.evaluate("document.documentElement.scrollWidth") <= 400
