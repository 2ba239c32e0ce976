"""Which endpoints a summary lists: the largest first, by what was asked."""

import pytest

from monitoring.figures.ranking import Endpoint, Ranking

A, B, C, D = (("GET", f"/{name}/") for name in "abcd")
REQUESTS = {
    (*A, "200"): 5.0,
    (*B, "200"): 90.0,
    (*B, "404"): 2.0,
    (*C, "500"): 6.0,
    (*D, "200"): 0.3,  # an estimate of nothing
}
SECONDS = {A: 9.0, B: 1.0, C: 3.0, D: 50.0}
DB = {B: 0.9, A: 0.5}
P95 = {A: 0.1, B: 0.2, C: 0.9}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("total", [A, C, B]),
        ("count", [B, C, A]),
        ("errors", [C, B, A]),
        ("p95", [C, B, A]),
        ("db", [B, A, C]),
    ],
)
def test_endpoints_with_requests_are_sorted_by_each_figure(
    sort: str, expected: list[Endpoint]
) -> None:
    assert Ranking(sort).first(REQUESTS, SECONDS, lambda: P95, lambda: DB) == expected
    assert Ranking(sort, 2).first(REQUESTS, SECONDS, lambda: P95, lambda: DB) == expected[:2]
    assert Ranking(sort, 0).first(REQUESTS, SECONDS, lambda: P95, lambda: DB) == []


def test_what_takes_long_is_not_asked_unless_it_decides() -> None:
    def fail() -> dict[Endpoint, float]:
        raise AssertionError

    assert Ranking("count").first(REQUESTS, SECONDS, fail, fail) == [B, C, A]
