"""Thresholds are changed in the form, alerts show it, and notifications are read."""

import re
import time

import pytest

from tests.browser.conftest import StatusPage
from tests.browser.site import Site
from tests.servers.admin import ask

FIELD = "#sp-threshold-{}"
SAVE = "#sp-thresholds [type=submit]"
RESULT = "#sp-thresholds-result"


@pytest.fixture
def status(status: StatusPage) -> StatusPage:
    status.open_with_figures()
    return status


def thresholds(site: Site) -> dict[str, float | None]:
    found: dict[str, float | None] = ask(site.server, site.admin, "/api/metrics/thresholds/")[
        "thresholds"
    ]
    return found


def line(status: StatusPage, name: str) -> str:
    return status.text(f'#sp-alerts [data-threshold="{name}"]')


def test_a_threshold_that_is_saved_shows_in_its_alert_line(site: Site, status: StatusPage) -> None:
    assert "within 2 s" in line(status, "avg_response_time")
    status.page.fill(FIELD.format("avg_response_time"), "1.5")
    status.page.press(FIELD.format("avg_response_time"), "Enter")
    status.wait_for("the line", lambda: "above 1.5 ms" in line(status, "avg_response_time"))
    assert status.text(RESULT) == "Saved."
    assert thresholds(site)["avg_response_time"] == 1.5
    status.page.fill(FIELD.format("avg_response_time"), "")
    status.page.click(SAVE)
    status.wait_for("off", lambda: line(status, "avg_response_time").endswith(" off"))
    assert thresholds(site)["avg_response_time"] is None


def test_a_tile_says_in_words_that_its_figure_is_above_a_limit(
    site: Site, status: StatusPage
) -> None:
    tile = '[data-figure="p95_response_time"]'
    assert "above" not in status.text(tile)
    status.page.fill(FIELD.format("p95_response_time"), "0.2")
    status.page.press(FIELD.format("p95_response_time"), "Enter")
    status.wait_for("the mark", lambda: "▲ above 0.2 ms" in status.text(tile))
    status.page.fill(FIELD.format("p95_response_time"), "")
    status.page.click(SAVE)
    status.wait_for("no mark", lambda: "above" not in status.text(tile))


def test_what_is_not_allowed_is_said_at_its_field_and_nothing_is_changed(
    site: Site, status: StatusPage
) -> None:
    before = thresholds(site)
    field = status.page.locator(FIELD.format("error_rate"))
    for typed, says in (("101", "100"), ("-1", "0"), ("many", "number")):
        status.page.fill(FIELD.format("slow_request_count"), "7")
        field.fill(typed)
        status.page.click(SAVE)
        status.wait_for("the message", lambda: status.text(FIELD.format("error_rate-error")))
        assert says in status.text(FIELD.format("error_rate-error"))
        assert status.text(RESULT) == "Nothing was changed."
        assert field.get_attribute("aria-invalid") == "true"
        assert status.evaluate("document.activeElement.name") == "error_rate"
        assert thresholds(site) == before
        status.page.click("#sp-thresholds [type=reset]")
        assert field.input_value() == f"{before['error_rate']:g}"
        assert field.get_attribute("aria-invalid") is None
    status.forgive("status of 400")


def test_what_is_being_typed_outlives_a_refresh(site: Site, status: StatusPage) -> None:
    status.page.fill(FIELD.format("active_sessions"), "12")
    rounds = status.asked.count("thresholds")
    status.page.check("[name=window][value='15m']", force=True)
    status.wait_for("a refresh", lambda: status.asked.count("thresholds") > rounds)
    status.wait_for("its end", lambda: status.asked.count("notifications") > 1)
    assert status.page.locator(FIELD.format("active_sessions")).input_value() == "12"
    assert thresholds(site)["active_sessions"] == 1000


def test_an_alert_that_fires_is_notified_and_can_be_read(site: Site, status: StatusPage) -> None:
    status.page.fill(FIELD.format("error_rate"), "0.5")
    status.page.click(SAVE)
    status.wait_for("saved", lambda: status.text(RESULT) == "Saved.")
    deadline = time.monotonic() + 20
    while not re.search("[1-9] told", status.text("#sp-check-result")):  # when snapshots suffice
        assert time.monotonic() < deadline, status.text("#sp-check-result")
        site.load(1)
        status.page.click("#sp-check")
        status.wait_for("an answer", lambda: status.text("#sp-check-result"))
        status.page.wait_for_timeout(200)
    row = "#sp-notifications tbody tr"
    status.wait_for("the notification", lambda: status.page.locator(row).count())
    assert "error_rate ▲ firing, critical" in status.text(row)
    assert status.text("#sp-unread") == "1 unread"
    status.page.click(f"{row} button")
    status.wait_for("read", lambda: status.text(row).endswith(" read"))
    assert ask(site.server, site.admin, "/api/notifications/")["unread_count"] == 0


def test_the_limit_of_errors_is_told_in_the_words_of_its_chart(status: StatusPage) -> None:
    def words() -> str:
        return status.page.locator("#sp-errors .sp-plot").get_attribute("aria-label") or ""

    status.page.fill(FIELD.format("error_rate"), "7.5")
    status.page.click(SAVE)
    status.wait_for("the limit", lambda: words().endswith("Its limit: 7.5 %."))
    status.page.fill(FIELD.format("error_rate"), "")
    status.page.click(SAVE)
    status.wait_for("no limit", lambda: "limit" not in words())
