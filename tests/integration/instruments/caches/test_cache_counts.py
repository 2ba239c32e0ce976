"""What the views asked of their cache is what the scrape says, over 4 workers."""

from collections.abc import Mapping
from pathlib import Path

from tests.database_site.server import UVICORN, call, run_site
from tests.servers.exposition import Series, series
from tests.servers.redis import run_redis

ROUNDS = 20


def operations(samples: Mapping[Series, float]) -> dict[tuple[str, str], float]:
    """`cache_operations_total` of the default alias, by operation and result."""
    return {
        (labels["operation"], labels["result"]): value
        for (name, pairs), value in samples.items()
        if name == "cache_operations_total" and (labels := dict(pairs))["alias"] == "default"
    }


SYNC = {
    ("get", "hit"): 4 * ROUNDS,
    ("get", "miss"): 3 * ROUNDS,
    ("set", "ok"): 2 * ROUNDS,
    ("add", "ok"): ROUNDS,
    ("add", "exists"): ROUNDS,
    ("incr", "ok"): ROUNDS,
    ("delete", "ok"): 2 * ROUNDS,
}


def test_redis_and_its_alias_in_every_worker(tmp_path: Path, shm_directory: Path) -> None:
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with (
        run_redis(tmp_path) as redis,
        run_site(tmp_path, shm_directory, database, REDIS_URL=redis.url) as server,
    ):
        call(server, [f"/cache/key-{number}/" for number in range(ROUNDS)])
        for _ in range(8):
            samples = server.scrape()
            assert operations(samples) == SYNC
            for name, count in (("get", 7), ("get_hits", 4), ("get_misses", 3), ("get_fail", 0)):
                key = series(f"django_cache_{name}_total", backend="native_redis")
                assert samples[key] == count * ROUNDS
        redis.stop()
        assert server.get("/cache/after/")[0] == 500  # as without us: the get's error
        samples = server.scrape()
        assert operations(samples) == {**SYNC, ("get", "error"): 1}
        assert samples[series("django_cache_get_fail_total", backend="native_redis")] == 1


def test_async_methods(tmp_path: Path, shm_directory: Path) -> None:
    database = f"sqlite:///{tmp_path / 'db.sqlite3'}"
    with run_site(tmp_path, shm_directory, database, *UVICORN) as server:
        call(server, [f"/async-cache/key-{number}/" for number in range(ROUNDS)])
        assert operations(server.scrape()) == {
            ("get", "hit"): ROUNDS,
            ("get", "miss"): ROUNDS,
            ("set", "ok"): ROUNDS,
            ("delete", "ok"): ROUNDS,
        }
