"""The served site that the browser looks at, with traffic behind it."""

import http.client
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.admin import User, make_users
from tests.servers.gunicorn import Gunicorn, run_gunicorn

PATHS = (
    "/demo/ok/",
    "/demo/ok/?status=301",
    "/demo/slow/?ms=20",
    "/demo/slow/?ms=80",
    "/demo/items/7/",
    "/demo/items/4711/",
    "/demo/queries/?n=3",
    "/demo/error/",
)


@dataclass
class Site:
    """A server and its users: `admin` and `visitor`, who is none."""

    server: Gunicorn
    admin: User
    visitor: User

    @property
    def address(self) -> str:
        return self.server.address

    def load(self, rounds: int = 5) -> None:
        """So many requests of each kind."""
        self.request(*PATHS * rounds)

    def request(self, *paths: str) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        for path in paths:
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()


@contextmanager
def run_site(work: Path, directory: Path) -> Iterator[Site]:
    """A site with some traffic behind it, a slow request among it."""
    users = make_users(work, 1)
    with serve(work, directory) as server:
        site = Site(server, users["admin"], users["user0"])
        site.load()
        site.request("/demo/slow/?ms=350&token=secret")
        yield site


def serve(work: Path, directory: Path, **extra: str) -> AbstractContextManager[Gunicorn]:
    """With the strict policy, and alerts that two requests are enough for."""
    return run_gunicorn(
        work,
        "--worker-class=gthread",
        "--threads=4",
        directory=directory,
        workers=2,
        **{
            "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
            "SLOW_QUERY_LOG": str(work / "slow_queries.log"),
            **extra,
        },
    )
