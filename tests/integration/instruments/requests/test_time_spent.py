"""The time of routes in queries, caches and calls adds up to that of all, over 4 workers."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.database_site.server import call, run_site
from tests.servers.exposition import Series

PATHS = ["/plain/7/", "/plain/2/", "/many/5/", "/async-orm/"]
PAIRS = {
    "http_request_db_seconds_total": "db_query_duration_highr_seconds_sum",
    "http_request_db_queries_total": "db_query_duration_highr_seconds_count",
    "http_request_cache_seconds_total": "cache_operation_seconds_total",
    "http_request_outgoing_seconds_total": "outgoing_http_request_duration_seconds_sum",
}


def total(samples: Mapping[Series, float], name: str) -> float:
    return sum(value for (found, _), value in samples.items() if found == name)


def paths(begin: str) -> list[str]:
    keys = [f"cache/{begin}{number}" for number in range(20)]
    return [*PATHS * 20, *(f"/{key}/" for key in keys), *(f"/async-{key}/" for key in keys)]


def test_the_time_of_routes_adds_up_to_the_time_of_all(tmp_path: Path, shm_directory: Path) -> None:
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with run_site(tmp_path, shm_directory, database) as server:
        url = f"/calling/?url=http://{server.address}/plain/1/"
        server.get(url)
        call(server, [*paths("a"), url, url])
        os.kill(server.workers()[0], signal.SIGKILL)
        server.wait_for_workers(4)
        call(server, paths("b"))
        samples = server.scrape()
    for of_routes, of_all in PAIRS.items():
        assert total(samples, of_all) > 0
        assert total(samples, of_routes) == pytest.approx(total(samples, of_all), rel=1e-9)
    assert total(samples, "http_request_db_queries_total") == total(
        samples, "http_request_queries_sum"
    )
    assert total(samples, "http_request_db_seconds_total") < total(
        samples, "http_request_duration_highr_seconds_sum"
    )
