"""What the client counted is what every worker's scrape says, to the last request."""

from collections import Counter
from pathlib import Path

import pytest

from monitoring.merging.fine_reader import FineReader
from tests.load.client import Load, Result
from tests.servers.exposition import Series, parse, requests_by_series, series
from tests.servers.gunicorn import SCRAPE, Gunicorn, run_gunicorn
from tests.unit.stock import stock_samples

REQUESTS = {"sync": 2000, "preload": 800, "gthread": 800, "uvicorn": 800}

MODES = {
    "sync": (),
    "preload": ("--preload",),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "uvicorn": ("-k", "uvicorn_worker.UvicornWorker", "project.asgi:application"),
}


def no_damage() -> None:
    raise AssertionError("a fine file is damaged")


def assert_exact(samples: dict[Series, float], result: Result, directory: Path) -> None:
    """Every HTTP family agrees with the client's own count."""
    assert requests_by_series(samples) == dict(result.answered)
    errors: Counter[tuple[str, str, str]] = Counter()
    by_route: Counter[tuple[str, str]] = Counter()
    by_status: Counter[str] = Counter()
    for (method, route, status), count in result.answered.items():
        by_route[method, route] += count
        by_status[status] += count
        if int(status) >= 400:
            errors[method, route, status] = count
    for (method, route, status), count in errors.items():
        key = series("http_errors_total", method=method, route=route, status=status)
        assert samples[key] == count
    assert sum(v for (name, _), v in samples.items() if name == "http_errors_total") == sum(
        errors.values()
    )
    for (method, route), count in by_route.items():
        name = "http_request_duration_seconds_count"
        assert samples[series(name, method=method, route=route)] == count
    assert samples[series("http_request_duration_highr_seconds_count")] == result.total
    fine = FineReader(directory, no_damage).read()
    assert dict(zip(fine.endpoints, fine.counts.sum(axis=1).tolist(), strict=True)) == by_route
    for status, count in by_status.items():
        assert samples[series(f"http_status_{status}_total")] == count
    raised = series("http_exceptions_total", type="DemoError", route="/demo/error/")
    assert samples[raised] == by_status["500"]
    assert samples[series("http_requests_in_progress")] == 0


@pytest.mark.parametrize("mode", MODES)
def test_every_series_equals_the_clients_count(
    mode: str, tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, *MODES[mode], directory=shm_directory) as server:
        result = Load(server.address).start(REQUESTS[mode]).finish()
        assert result.surprises == []
        assert result.failed == Counter()
        assert result.total == REQUESTS[mode]
        # Whichever worker answers: many scrapes, all the same.
        for _ in range(8):
            assert_exact(server.scrape(), result, server.directory)
        assert_stock_agrees(server, result)


def assert_stock_agrees(server: Gunicorn, result: Result) -> None:
    """prometheus-client's own collector reads the same totals from the same directory."""
    stock = stock_samples(server.directory)
    assert requests_by_series(stock) == dict(result.answered)
    ours = parse(server.get(SCRAPE)[1])
    for key, value in stock.items():
        if key[0].startswith("http_"):  # the others change with every scrape
            assert ours[key] == pytest.approx(value, rel=1e-12), key
