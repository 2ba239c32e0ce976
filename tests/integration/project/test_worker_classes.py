"""Every worker class of gunicorn serves views that query, and loses no count at `kill -9`."""

import random
from pathlib import Path

import pytest

from tests.load.churn import assert_nothing_lost, kill_workers
from tests.load.client import Call, Load
from tests.servers.exposition import requests_by_series, series
from tests.servers.gunicorn import run_gunicorn
from tests.servers.ports import wait_for

WORKER_CLASSES = {
    "sync": (),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "gevent": ("-k", "gevent"),
    "uvicorn": ("-k", "uvicorn_worker.UvicornWorker", "project.asgi:application"),
    "asgi": ("-k", "asgi", "project.asgi:application"),
}
QUERY = Call("GET", "/demo/queries/?n=2", "/demo/queries/", 200)


@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_views_that_query_are_answered_and_counted_over_kills(
    worker_class: str, tmp_path: Path, shm_directory: Path
) -> None:
    # The environment has no DJANGO_SETTINGS_MODULE: only the application names its settings.
    with run_gunicorn(
        tmp_path, *WORKER_CLASSES[worker_class], directory=shm_directory, workers=2
    ) as server:
        load = Load(server.address, [QUERY], pause=0.005).start(1_000_000)
        wait_for("traffic", lambda: load.so_far().total > 100)
        kill_workers(server, random.Random(5), 2, 0.3)
        before = load.so_far().total
        wait_for("traffic after the kills", lambda: load.so_far().total > before + 100)
        result = load.finish(early=True)
        server.wait_for_workers(2)
        assert_nothing_lost(server, result)
        samples = server.scrape()
        counted = requests_by_series(samples)[QUERY.labels]
        exits = samples[series("gunicorn_worker_exits_total", reason="SIGKILL")]
        # A kill may fall between the stores of one request: it is counted, and its queries not.
        queries = samples[series("http_request_queries_sum")]
        assert queries in {2 * (counted - cut) for cut in range(int(exits) + 1)}
        assert exits == 2
        assert samples[series("gunicorn_worker_boots_total")] == 4
        assert server.worker_slots() == ["web-0.lock", "web-1.lock"]
