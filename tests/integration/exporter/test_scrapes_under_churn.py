"""A thousand scrapes while processes start, grow their files, are killed and replaced."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.writers import WRITERS
from tests.paths import ROOT
from tests.servers.exporter import Exporter, read, run_exporter
from tests.servers.gunicorn import environment

SCRAPES = 1000
THREADS = 4
Samples = dict[str, float]


@pytest.fixture
def exporter(tmp_path: Path, shm_directory: Path) -> Iterator[Exporter]:
    with run_exporter(tmp_path, directory=shm_directory) as running:
        yield running


def samples_of(text: str) -> Samples:
    """By line, without parsing labels: a thousand scrapes have half a million lines."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def cumulative(samples: Samples) -> Samples:
    return {
        line: value
        for line, value in samples.items()
        if line.partition("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))
        # Of the processes themselves, not of what they count: a new owner of a slot is at 0.
        and not line.startswith("process_")
    }


class Watcher(threading.Thread):
    """Scrapes on one connection, so many times at least and until the writers have ended."""

    def __init__(self, exporter: Exporter, times: int, ended: threading.Event) -> None:
        super().__init__()
        self._ended = ended
        self._exporter = exporter
        self._times = times
        self.scrapes = 0
        self.trouble: list[str] = []
        self.most_alive = 0.0

    def run(self) -> None:
        connection = self._exporter.connect()
        before: Samples = {}
        while not (self._ended.is_set() and self.scrapes >= self._times) and not self.trouble:
            connection.request("GET", "/metrics")
            response = read(connection)
            self.scrapes += 1
            if response.status != 200:
                self.trouble.append(response.text)
                continue
            samples = samples_of(response.text)
            self.most_alive = max(self.most_alive, samples.get("alive", 0))
            now = cumulative(samples)
            self.trouble.extend(
                f"{line}: {value} -> {now.get(line)}"
                for line, value in before.items()
                if now.get(line, -1.0) < value
            )
            before = now
        connection.close()


def test_no_scrape_fails_no_counter_goes_down_and_the_totals_are_exact(
    exporter: Exporter, tmp_path: Path, shm_directory: Path
) -> None:
    writers = subprocess.Popen(
        [sys.executable, "-m", "tests.load.writers"],
        cwd=ROOT,
        env=environment(shm_directory, tmp_path),
        stdout=subprocess.PIPE,
    )
    ended = threading.Event()
    watchers = [Watcher(exporter, SCRAPES // THREADS, ended) for _ in range(THREADS)]
    for watcher in watchers:
        watcher.start()
    written, _ = writers.communicate(timeout=120)
    ended.set()
    for watcher in watchers:
        watcher.join(120)
    assert [watcher.trouble for watcher in watchers] == [[]] * THREADS
    assert sum(watcher.scrapes for watcher in watchers) >= SCRAPES
    assert max(watcher.most_alive for watcher in watchers) > 1  # it did see them live
    samples = samples_of(exporter.get().text)
    expected = json.loads(written)
    assert {line: value for line, value in samples.items() if line.startswith("items_total{")} == {
        f'items_total{{item="{item}"}}': count for item, count in expected.items()
    }
    assert samples["sizes_count"] == sum(expected.values())
    assert "alive" not in samples  # the dead have no live gauge
    assert samples.get("monitoring_corrupt_files_total", 0) == 0
    assert len(list(shm_directory.glob("web-*.lock"))) == WRITERS
