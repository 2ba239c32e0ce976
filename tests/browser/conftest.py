"""Chromium, headless, and pages of a server of ours that must not complain."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.browser.site import Site, run_site
from tests.paths import ROOT
from tests.servers.admin import User
from tests.servers.ports import wait_for

SCREENSHOTS = ROOT / "screenshots"
_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
STATUS = "/admin/multiprocess_exporter/status/"

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Runs in the page before anything of its own.
_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Not for the whole session: while Playwright's loop runs, Django refuses the tests' database.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield chromium
        chromium.close()


@contextmanager
def directory_in_memory() -> Iterator[Path]:
    """A path for a metrics directory; the server creates it."""
    parent = Path(tempfile.mkdtemp(prefix="monitoring-test-", dir="/dev/shm"))
    yield parent / "metrics"
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def shm_directory() -> Iterator[Path]:
    with directory_in_memory() as path:
        yield path


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all tests that do not stop it."""
    with (
        directory_in_memory() as directory,
        run_site(tmp_path_factory.mktemp("site"), directory) as found,
    ):
        yield found


@dataclass
class StatusPage:
    """A page in the browser, and what has been asked and said in it."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    most_at_once: int = 0
    under_way: int = 0

    def with_clock(self) -> Self:
        """Its timers can be run ahead of time."""
        self.page.clock.install()
        return self

    def open(self, path: str = STATUS) -> None:
        self.page.goto(f"http://{self.address}{path}")

    def open_with_figures(self) -> None:
        self.open()
        self.wait_for_state("Live.")
        self.wait_for(
            "all parts", lambda: self.text("#sp-updated") and self.asked.count("notifications")
        )

    def wait_for(self, what: str, check: Callable[[], Any], seconds: float = 20.0) -> Any:
        def pumped() -> Any:
            self.page.wait_for_timeout(20)  # the browser's events arrive while Playwright waits
            return check()

        return wait_for(what, pumped, seconds)

    def wait_for_state(self, start: str) -> None:
        self.wait_for(f"state {start}", lambda: self.text("#sp-state").startswith(start))

    def text(self, selector: str) -> str:
        return " ".join(self.page.locator(selector).first.inner_text().split())

    def value(self, figure: str) -> str | None:
        return self.page.locator(f'[data-figure="{figure}"]').get_attribute("data-value")

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)

    def forgive(self, text: str) -> None:
        """Leave out the browser's own words about what the test itself has done."""
        assert any(text in error for error in self.errors), self.errors
        self.errors = [error for error in self.errors if text not in error]

    def _begins(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.path.startswith("/api/"):
            self.asked.append(parts.path.strip("/").rpartition("/")[2])
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)

    def _ends(self, request: Request) -> None:
        self.under_way -= urlsplit(request.url).path.startswith("/api/")


OpenPage = Callable[..., StatusPage]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Makes pages for a user of a server; at the end none of them may have an error or a CSP
    violation."""
    with ExitStack() as stack:
        made: list[StatusPage] = []

        def new_page(address: str, user: User | None, **options: Any) -> StatusPage:
            context = browser.new_context(
                **{"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
            )
            stack.callback(context.close)
            context.add_init_script(_WATCH)
            if user is not None:
                cookie = {"name": "sessionid", "value": user.session, "url": f"http://{address}"}
                context.add_cookies([cookie])  # type: ignore[list-item]
            page = context.new_page()
            found = StatusPage(page, address)
            page.on("pageerror", lambda error: found.errors.append(str(error)))
            page.on(
                "console",
                lambda message: (
                    found.errors.append(f"{message.text} {message.location.get('url')}")
                    if message.type in ("error", "warning")
                    and not message.location.get("url", "").endswith("/favicon.ico")
                    else None
                ),
            )
            page.on("request", found._begins)
            page.on("requestfinished", found._ends)
            page.on("requestfailed", found._ends)
            made.append(found)
            return found

        yield new_page
        for each in made:
            assert each.errors == []
            assert each.evaluate("window.violations") == []


@pytest.fixture
def status(site: Site, open_page: OpenPage) -> StatusPage:
    """A page for the admin that is not open yet."""
    return open_page(site.address, site.admin)


def screenshot(page: StatusPage, name: str) -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.page.screenshot(path=path, full_page=True)
    return path


def violations(status: StatusPage, arguments: str) -> list[Any]:
    """What axe finds: in the admin's own parts only what is serious."""
    if status.evaluate("typeof axe") == "undefined":
        status.evaluate(_AXE)
    found = status.evaluate(f"axe.run({arguments})")["violations"]
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical") or "sp-" in str(each["nodes"])
    ]
