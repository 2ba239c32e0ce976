"""Cache figures from counts: hits and misses by alias, null where nothing was asked for."""

from monitoring.figures.cache_figures import cache_figures
from monitoring.merging.layout import Line
from tests.unit.figures.moments import line


def test_each_alias_has_its_figures_and_one_that_was_not_used_has_no_rate() -> None:
    def of(alias: str, operation: str, result: str) -> Line:
        return line("cache_operations_total", alias=alias, operation=operation, result=result)

    counted = {
        of("default", "get", "hit"): 6.0,
        of("default", "get", "miss"): 2.0,
        of("default", "get", "error"): 1.0,
        of("default", "set", "ok"): 3.0,
        of("default", "add", "ok"): 1.0,
        of("default", "add", "exists"): 9.0,
        of("default", "delete", "ok"): 2.0,
        of("other", "get", "miss"): 2.0,
        of("other", "has_key", "hit"): 5.0,
        line("http_requests_total", method="GET"): 7.0,
    }
    figures = cache_figures(list(counted), list(counted.values()), ["default", "unused"])
    assert (figures["hits"], figures["misses"], figures["hit_rate"]) == (6, 4, 60.0)
    assert figures["per_alias"]["default"] == {
        "hits": 6,
        "misses": 2,
        "hit_rate": 75.0,
        "sets": 4,
        "deletes": 2,
        "errors": 1,
    }
    assert figures["per_alias"]["other"]["hit_rate"] == 0.0
    assert figures["per_alias"]["unused"]["hit_rate"] is None
    assert cache_figures([], [], [])["hit_rate"] is None
