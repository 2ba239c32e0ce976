"""What the page shows is what the endpoints say, and soon after it happened."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from playwright.sync_api import Response

from tests.browser.conftest import StatusPage
from tests.browser.site import Site

REFRESH_MS = 5000


def three_digits(value: float) -> str:
    """As the page writes figures in British English: halves go up, as Intl.NumberFormat has it."""
    digits = 0 if value == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{rounded:,}"


def milliseconds(value: float) -> str:
    return f"{three_digits(value)} ms" if value < 999.5 else f"{three_digits(value / 1000)} s"


def share(value: float) -> str:
    return f"{three_digits(100 * value)} %"


def answers(status: StatusPage, *ends: str) -> dict[str, Any]:
    """Loads the page, lets it rest, and gives the last answers: those that it shows."""
    found: dict[str, Response] = {}

    def note(response: Response) -> None:
        for end in ends:
            if f"{end}?window=" in response.url:
                found[end] = response

    status.page.on("response", note)
    status.open_with_figures()
    status.page.click("#sp-pause")
    status.wait_for("the end of the round", lambda: status.under_way == 0)
    return {end: response.json() for end, response in found.items()}


def test_each_figure_on_the_page_equals_the_json_of_the_same_moment(status: StatusPage) -> None:
    found = answers(status, "/api/metrics/", "/api/metrics/series/")
    summary, series = found["/api/metrics/"], found["/api/metrics/series/"]
    assert summary["request_count"] >= 41
    for name in ("requests_per_second", "error_rate", "in_progress"):
        assert float(status.value(name) or "nan") == summary[name], name
    for name in ("median_response_time", "p95_response_time", "p99_response_time"):
        shown = status.text(f'[data-figure="{name}"]')
        if summary[name] is None:
            assert status.value(name) == ""
            assert summary["unavailable"][name] in shown
        else:
            assert float(status.value(name) or "nan") == summary[name], name
            assert milliseconds(summary[name]) in shown
    shown = status.text('[data-figure="requests_per_second"]')
    assert f"{three_digits(summary['requests_per_second'])} /s" in shown
    assert f"{summary['request_count']} in the window" in shown
    shown = status.text('[data-figure="error_rate"]')
    assert f"{three_digits(summary['error_rate'])} %" in shown
    assert f"{summary['error_count']} errors, {summary['server_error_count']} of" in shown
    workers = summary["workers"]
    assert f"{workers['busy']} of {workers['alive']}" in status.text('[data-figure="workers"]')

    rows = status.page.locator("#sp-routes tbody tr")
    cells = [row.locator("td").all_inner_texts() for row in rows.all()]
    by_p95 = sorted(summary["endpoints"], key=lambda one: -(one["p95_response_time"] or 0))
    assert cells == [
        [
            one["route"],
            one["method"],
            one["unavailable"].get("p95_response_time") or milliseconds(one["p95_response_time"]),
            milliseconds(one["avg_response_time"]),
            f"{one['request_count']:,}",
            f"{three_digits(one['error_rate'])} %",
            *(share(one[f"{name}_share"]) for name in ("db", "cache", "outgoing")),
            three_digits(one["queries_per_request"]),
        ]
        for one in by_p95
    ]
    assert any(one["queries_per_request"] == 3 for one in by_p95)
    rows = status.page.locator("#sp-spent tbody tr")
    assert [row.locator("td").all_inner_texts() for row in rows.all()] == [
        [
            head,
            share(spent["share"]),
            milliseconds(spent["in_requests_ms"]),
            milliseconds(spent["outside_requests_ms"]),
        ]
        for head, spent in zip(
            ("Database", "Cache", "Outgoing HTTP"), summary["time_spent"].values(), strict=True
        )
    ]
    slow = summary["slow_requests"][0]
    text = status.text("#sp-requests tbody tr")
    what = f"{slow['status']} {slow['method']} {slow['path']}"
    assert text.endswith(f"{milliseconds(slow['duration_ms'])} {what}")

    assert sum(bar["count"] for bar in series["histogram"]) >= summary["request_count"]
    total = sum(bar["count"] for bar in series["histogram"])
    assert f"{total} requests in the window" in status.text("#sp-histogram .sp-legend")
    last = series["points"][-1]
    assert milliseconds(last["p99_response_time"]) in status.text("#sp-latency .sp-legend")
    ok = last["status_classes"]["2xx"] / last["seconds"]
    assert f"2xx {three_digits(ok)}" in status.text("#sp-traffic .sp-legend")


def test_a_figure_that_is_missing_says_why(status: StatusPage) -> None:
    status.open_with_figures()
    assert status.value("active_sessions") == ""
    assert "REDIS_URL is not set" in status.text('[data-figure="active_sessions"]')
    assert status.text('#sp-health [data-check="redis"]').endswith("Redis disabled Not configured.")


def test_the_same_figures_are_in_words_and_as_a_table(status: StatusPage) -> None:
    status.open_with_figures()
    words = status.page.locator("#sp-latency .sp-plot").get_attribute("aria-label") or ""
    assert words.startswith("Response time over time. 95th percentile: now ")
    status.page.click("#sp-traffic summary")
    head = status.page.locator("#sp-traffic th").all_inner_texts()
    assert head == ["Until", "2xx", "3xx", "4xx", "5xx"]
    assert status.page.locator("#sp-traffic tbody tr").count() >= 1


def test_a_burst_of_errors_appears_within_two_refreshes(site: Site, status: StatusPage) -> None:
    status.with_clock().open_with_figures()
    before = float(status.value("error_rate") or "nan")
    rounds = status.asked.count("metrics")
    site.request(*["/demo/error/"] * 60)
    status.page.clock.run_for(REFRESH_MS)
    status.wait_for("the burst", lambda: float(status.value("error_rate") or 0) > before + 10)
    chart = "#sp-errors .sp-legend li:last-child"
    status.wait_for("the chart", lambda: not status.text(chart).endswith(" 0 %"))
    # A round that was under way when the burst came may be one of them.
    assert status.asked.count("metrics") - rounds <= 2


def test_a_window_is_asked_for_at_once_and_by_keyboard(status: StatusPage) -> None:
    status.open_with_figures()
    status.page.focus("[name=window]:checked")
    with status.page.expect_response(lambda response: "window=15m" in response.url) as caught:
        status.page.keyboard.press("ArrowRight")
    assert caught.value.json()["window"]["requested_seconds"] == 900


def test_a_table_is_sorted_by_the_column_that_is_chosen(status: StatusPage) -> None:
    status.open_with_figures()
    status.page.focus("#sp-routes th:nth-child(5) button")
    status.page.keyboard.press("Enter")
    order = status.page.locator("#sp-routes th[aria-sort=descending]")
    assert order.inner_text().startswith("Requests")
    counts = [
        int(text) for text in status.page.locator("#sp-routes td:nth-child(5)").all_inner_texts()
    ]
    assert counts == sorted(counts, reverse=True)
    focused = status.evaluate("document.activeElement.dataset.key")
    assert focused == "sort-Requests"
