"""Who sees the page, how it polls, how it looks, and what it says when something is away."""

from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Route

from tests.browser.conftest import STATUS, OpenPage, StatusPage, screenshot, violations
from tests.browser.site import Site, run_site, serve


def test_the_admin_s_index_links_to_it(status: StatusPage) -> None:
    status.open("/admin/")
    status.page.click("#content .model-status a")
    assert status.page.url.endswith(STATUS)
    status.wait_for_state("Live.")


def test_those_who_are_no_admins_see_the_login(site: Site, open_page: OpenPage) -> None:
    for user in (None, site.visitor):
        status = open_page(site.address, user)
        status.open()
        assert "/admin/login/" in status.page.url
        assert status.page.locator("#status-page").count() == 0


def test_a_paused_page_asks_nothing_until_it_goes_on(status: StatusPage) -> None:
    status.with_clock().open_with_figures()
    status.page.focus("#sp-pause")
    status.page.keyboard.press("Enter")
    assert status.text("#sp-state") == "Paused."
    assert status.page.locator("#sp-pause").get_attribute("aria-pressed") == "true"
    before = list(status.asked)
    status.page.clock.run_for(60_000)
    assert status.asked == before
    status.page.keyboard.press("Enter")
    status.wait_for_state("Live.")
    status.wait_for("a round", lambda: len(status.asked) > len(before))


def test_a_page_that_nobody_sees_asks_nothing(status: StatusPage) -> None:
    status.with_clock().open_with_figures()

    def turn(hidden: bool) -> None:
        status.evaluate(
            f"""() => {{
              const value = {str(hidden).lower()};
              Object.defineProperty(document, "hidden", {{ value, configurable: true }});
              document.dispatchEvent(new Event("visibilitychange"));
            }}"""
        )

    turn(True)
    before = list(status.asked)
    status.page.clock.run_for(60_000)
    assert status.asked == before
    turn(False)
    status.wait_for("a round at once", lambda: len(status.asked) > len(before))


def test_there_is_one_request_at_a_time_and_a_slow_server_is_not_pressed(
    status: StatusPage,
) -> None:
    status.with_clock().open_with_figures()
    rounds = status.asked.count("metrics")
    status.page.route("**/api/**", lambda route: None)  # answered never
    before = status.evaluate("Date.now()")
    status.page.clock.run_for(120_000)
    seconds = (status.evaluate("Date.now()") - before) / 1000  # its clock goes on by itself, too
    asked = status.asked.count("metrics") - rounds
    assert 1 <= asked <= seconds / (10 + 1) + 1  # each had its 10 s, and a pause came after it
    assert status.most_at_once == 1
    status.page.unroute("**/api/**")


def test_a_part_whose_endpoint_is_away_says_why_and_the_rest_works(status: StatusPage) -> None:
    def answer(code: int, message: str) -> Any:
        error = {"error": {"code": "x", "message": message, "fields": {}}}
        return lambda route: route.fulfill(status=code, json=error)

    status.page.route("**/api/notifications/", answer(404, "Not found."))
    status.page.route("**/api/metrics/series/**", answer(503, "Prometheus did not answer in time."))
    status.open()
    status.wait_for_state("Live.")
    status.wait_for(
        "the reasons",
        lambda: (
            "no such endpoint" in status.text("#sp-notifications")
            and status.page.locator("#sp-latency .sp-plot").get_attribute("data-reason")
            == "Prometheus did not answer in time."
        ),
    )
    assert float(status.value("requests_per_second") or "nan") > 0
    status.wait_for("thresholds", lambda: status.page.locator("#sp-threshold-error_rate").count())
    status.forgive("status of 404")
    status.forgive("status of 503")


def test_a_health_endpoint_of_the_site_s_own_leaves_the_rest_of_the_page_alone(
    status: StatusPage,
) -> None:
    status.page.route("**/api/health/", lambda route: route.fulfill(json={"status": "ok"}))
    status.open()
    status.wait_for_state("Live.")
    status.wait_for("the reason", lambda: "another endpoint" in status.text("#sp-health"))
    # It is asked after the health checks, in the same round.
    status.wait_for("notifications", lambda: status.text("#sp-notifications").strip())


def test_figures_whose_source_is_away_say_so_and_come_back(status: StatusPage) -> None:
    error = {"error": {"code": "timeout", "message": "Prometheus is late.", "fields": {}}}
    status.with_clock().page.route(
        "**/api/metrics/?window=*", lambda route: route.fulfill(status=503, json=error)
    )
    status.open()
    status.wait_for_state("Prometheus is late.")
    assert status.text('[data-figure="error_rate"]') == "Error rate – Prometheus is late."  # noqa: RUF001
    status.page.unroute("**/api/metrics/?window=*")
    status.wait_for("the rest", lambda: status.asked.count("notifications"))
    status.page.clock.run_for(6_000)
    status.wait_for_state("Live.")
    status.forgive("status of 503")


def test_one_who_is_signed_out_is_told_and_asked_nothing_more(
    site: Site, status: StatusPage
) -> None:
    status.with_clock().open_with_figures()
    status.page.context.clear_cookies(name="sessionid")
    status.page.clock.run_for(6_000)
    status.wait_for("the message", lambda: "Log in" in status.text("#sp-state"))
    assert (
        status.page.locator("#sp-state a").get_attribute("href") == f"/admin/login/?next={STATUS}"
    )
    before = list(status.asked)
    status.page.clock.run_for(60_000)
    assert status.asked == before
    status.forgive("status of 401")


def test_a_server_that_is_gone_and_comes_back(
    tmp_path: Path, shm_directory: Path, open_page: OpenPage
) -> None:
    with run_site(tmp_path, shm_directory) as site:
        status = open_page(site.address, site.admin).with_clock()
        status.open_with_figures()
    status.page.clock.run_for(6_000)
    status.wait_for_state("The server does not answer")
    assert "these figures are old" in status.text("#sp-state")
    assert status.page.locator("#sp-strip").get_attribute("data-state") == "gone"
    assert float(status.value("requests_per_second") or "nan") > 0
    with serve(tmp_path, shm_directory, BIND=site.address):
        status.page.clock.run_for(6_000)
        status.wait_for_state("The server answers again.")
        assert status.page.locator("#sp-strip").get_attribute("data-state") == "live"
        status.page.click("#sp-pause")
        status.forgive("net::ERR_")


def test_it_is_accessible_and_fits_in_either_theme_and_on_a_phone(
    site: Site, status: StatusPage
) -> None:
    site.load()
    status.page.emulate_media(color_scheme="light")
    status.open_with_figures()
    status.page.click("#sp-pause")
    assert screenshot(status, "light").stat().st_size > 50_000
    assert violations(status, "document") == []

    status.page.emulate_media(color_scheme="dark")
    assert screenshot(status, "dark").stat().st_size > 50_000
    assert violations(status, '"#status-page", { runOnly: ["color-contrast"] }') == []

    status.page.emulate_media(color_scheme="light")
    status.page.set_viewport_size({"width": 400, "height": 800})
    status.wait_for("the layout", lambda: status.evaluate("innerWidth") == 400)
    assert screenshot(status, "narrow").stat().st_size > 50_000
    assert status.evaluate("document.documentElement.scrollWidth") <= 400
    assert violations(status, '"#status-page"') == []


def has_asked_more(status: StatusPage, rounds: int) -> bool:
    return status.asked.count("thresholds") > rounds


def test_nothing_moves_when_figures_are_refreshed(site: Site, status: StatusPage) -> None:
    status.with_clock().open_with_figures()
    shifted = status.evaluate("window.shifts")
    for _ in range(3):
        site.request("/demo/error/", "/demo/slow/?ms=310", "/demo/items/4711/", "/nowhere/")
        rounds = status.asked.count("thresholds")
        status.page.clock.run_for(5_000)
        status.wait_for("a refresh", partial(has_asked_more, status, rounds))
        status.page.wait_for_timeout(100)
    assert status.evaluate("window.shifts") - shifted < 0.001


def test_words_for_screen_readers_stay_out_of_sight_in_themes_without_django_s_styles(
    status: StatusPage,
) -> None:
    nothing = partial(_fulfil, content_type="text/css", body="")
    status.page.route("**/admin/css/base*.css", nothing)
    status.open_with_figures()
    words = status.page.locator("#status-page .visually-hidden").all()
    assert len(words) > 3
    for each in words:
        box = each.bounding_box()
        assert box is None or (box["width"] <= 1 and box["height"] <= 1)


def _fulfil(route: Route, **answer: str) -> None:
    route.fulfill(**answer)  # type: ignore[arg-type]
