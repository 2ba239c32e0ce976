"""Metric files that are cut short or written over in use end no process and no request."""

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.servers.exposition import requests_by_series
from tests.servers.gunicorn import run_gunicorn

OK = ("GET", "/demo/ok/", "200")


@pytest.mark.parametrize("worker_class", ["sync", "gthread"])
def test_workers_that_were_idle_survive_and_count_on(
    worker_class: str, tmp_path: Path, shm_directory: Path
) -> None:
    """A worker looks at its files before the first write after a second without a request."""
    with run_gunicorn(tmp_path, "-k", worker_class, directory=shm_directory, workers=4) as server:
        workers = sorted(server.workers())
        for number in range(4):
            assert [server.get("/demo/ok/")[0] for _ in range(40)] == [200] * 40
            server.scrape()
            time.sleep(1.1)
            files = sorted(shm_directory.glob("*_web-*.*"))
            for file in files[1:]:
                if number % 2:
                    shutil.copyfile(files[0], file)
                else:
                    os.truncate(file, (0, 4096)[number // 2])
        assert [server.get("/demo/ok/")[0] for _ in range(40)] == [200] * 40
        assert requests_by_series(server.scrape())[OK] >= 40
        assert sorted(server.workers()) == workers
