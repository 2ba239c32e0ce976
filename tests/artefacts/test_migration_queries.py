"""docs/migration.md against a real Prometheus, on a site that runs django-prometheus and this app:
both queries of each pair answer, and where they ask for the same, with the same."""

import math
from collections.abc import Iterator

import pytest

from tests.artefacts.documents import code_in, documents
from tests.load.client import Call, Load
from tests.servers.gunicorn import run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, run_prometheus

PAGE = documents()["docs/migration.md"]
PAIRS = {
    title: (*code_in(old), *code_in(new))
    for title, old, new in zip(
        PAGE.cells("asks for"), PAGE.cells("old PromQL"), PAGE.cells("new PromQL"), strict=True
    )
}
# Their values differ by what the page tells: the finer histogram, and queries outside of requests.
APPROXIMATE = {title for title in PAIRS if "percentile" in title or "mean" in title}
APPROXIMATE |= {"queries per request", "queries per second", "hit rate of caches"}
CALLS = [
    Call("GET", "/demo/ok/", "/demo/ok/", 200),
    Call("POST", "/demo/ok/", "/demo/ok/", 200),
    Call("GET", "/demo/ok/?status=404", "/demo/ok/", 404),
    Call("GET", "/demo/error/", "/demo/error/", 500),
    Call("GET", "/demo/queries/?n=3", "/demo/queries/", 200),
    Call("GET", "/demo/cache/", "/demo/cache/", 200),
    Call("GET", "/demo/slow/?ms=20", "/demo/slow/", 200),
]
REQUESTS = 400


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[float, float]]]:
    """The sums of both sides' values, by what they ask for."""
    work = tmp_path_factory.mktemp("both")
    with (
        run_gunicorn(
            work,
            directory=work / "metrics",
            workers=2,
            DJANGO_SETTINGS_MODULE="tests.servers.both_settings",
        ) as server,
        run_prometheus(work / "prometheus", [server.address]) as prometheus,
    ):
        Load(server.address, calls=CALLS, seed=1).start(50).finish()
        # Counters are there before those requests whose increase is asked for.
        wait_for("two scrapes", lambda: scrapes(prometheus) >= 2)
        load = Load(server.address, calls=CALLS, seed=2).start(REQUESTS)
        load.finish()
        seen = scrapes(prometheus)
        wait_for("a scrape of all", lambda: scrapes(prometheus) >= seen + 2)
        yield {
            title: (total(prometheus, old), total(prometheus, new))
            for title, (old, new) in PAIRS.items()
        }


def scrapes(prometheus: Prometheus) -> float:
    return prometheus.value("sum(count_over_time(http_requests_in_progress[5m]))") or 0.0


def total(prometheus: Prometheus, expression: str) -> float:
    """NaN without an answer."""
    found = [float(item["value"][1]) for item in prometheus.query(expression)]
    return math.fsum(found) if found else math.nan


@pytest.mark.parametrize("title", PAIRS)
def test_both_sides_of_a_pair_answer(title: str, answers: dict[str, tuple[float, float]]) -> None:
    old, new = answers[title]
    assert math.isfinite(old)
    assert math.isfinite(new)
    if title != "in progress":
        assert old > 0
        assert new > 0


@pytest.mark.parametrize("title", sorted(PAIRS.keys() - APPROXIMATE))
def test_what_asks_for_the_same_gets_the_same(
    title: str, answers: dict[str, tuple[float, float]]
) -> None:
    """But for the scrapes themselves, which django-prometheus counts as requests."""
    old, new = answers[title]
    assert new == pytest.approx(old, rel=0.2, abs=1.0 if title == "in progress" else 1e-9)


def test_most_pairs_are_compared() -> None:
    assert len(PAIRS) - len(APPROXIMATE) >= 10
