"""The trace of a request is found on its latency buckets, whichever worker answered it."""

import http.client
import math
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Exemplar

from tests.servers.exposition import requests_by_series, series
from tests.servers.gunicorn import SCRAPE, Gunicorn, is_dead, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import run_prometheus
from tests.servers.small_disk import fill

CLASSIC = "http_request_duration_seconds"
HIGHR = "http_request_duration_highr_seconds"
SLOW = "/demo/slow/"


def traceparent(number: int, flags: str = "01") -> str:
    """Of the trace with this number; its span's id says the number again."""
    return f"00-{number:032x}-{number:016x}-{flags}"


def call(server: Gunicorn, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(server.address, timeout=20)
    try:
        connection.request("GET", path, headers={"Connection": "close", **headers})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def trace(server: Gunicorn, number: int, path: str = "/demo/ok/", flags: str = "01") -> None:
    assert call(server, path, {"traceparent": traceparent(number, flags)})[0] == 200


@dataclass(frozen=True)
class Shown:
    """An exemplar with the bucket that it stands on."""

    family: str
    labels: Mapping[str, str]
    below: float  # the upper bound of the bucket before it, in seconds
    exemplar: Exemplar

    @property
    def number(self) -> int:
        assert set(self.exemplar.labels) == {"trace_id", "span_id"}
        number = int(self.exemplar.labels["trace_id"], 16)
        assert number == int(self.exemplar.labels["span_id"], 16), "half of another exemplar"
        return number


def scrape(server: Gunicorn) -> list[Shown]:
    """The exemplars of an OpenMetrics scrape, read by prometheus-client's strict parser."""
    status, text = call(server, SCRAPE, {"Accept": "application/openmetrics-text"})
    assert status == 200
    found = []
    for family in text_string_to_metric_families(text):
        below = 0.0
        for sample in family.samples:
            if sample.exemplar is not None:
                found.append(Shown(family.name, sample.labels, below, sample.exemplar))
            bound = float(sample.labels.get("le", "inf"))
            below = 0.0 if bound == math.inf else bound
    return found


def numbers(shown: list[Shown], family: str) -> set[int]:
    return {item.number for item in shown if item.family == family}


def test_a_request_that_is_not_traced_leaves_nothing(tmp_path: Path, shm_directory: Path) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory, workers=1) as server:
        server.get("/demo/ok/")
        trace(server, 1, flags="00")
        call(server, "/demo/ok/", {"traceparent": "00-zz"})
        call(server, SCRAPE, {"traceparent": traceparent(2)})  # not traffic
        assert scrape(server) == []
        assert list(shm_directory.glob("exemplars_*")) == []


def test_traces_of_all_workers_stand_on_their_buckets_and_outlive_the_workers(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory) as server:
        started = time.time()

        def all_have_answered() -> bool:
            trace(server, 1)
            return len(list(shm_directory.glob("exemplars_web-*.bin"))) == 4

        wait_for("a traced request to each worker", all_have_answered)
        trace(server, 60, f"{SLOW}?ms=60")
        trace(server, 300, f"{SLOW}?ms=300")
        before = scrape(server)
        for family in (CLASSIC, HIGHR):
            assert numbers(before, family) >= {1, 300}
        for item in before:
            assert item.exemplar.timestamp is not None
            assert item.below < item.exemplar.value <= float(item.labels["le"])
            assert item.number == 1 or item.exemplar.value >= item.number / 1000
            # Rounded to a millisecond, as Prometheus keeps it.
            assert started - 0.001 <= float(item.exemplar.timestamp) <= time.time() + 0.001
            if item.family == CLASSIC:
                assert item.labels["route"] == ("/demo/ok/" if item.number == 1 else SLOW)
        assert " # {" not in server.get(SCRAPE)[1]  # text 0.0.4 has no place for them

        workers = server.workers()
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_for("the workers' end", lambda: all(map(is_dead, workers)))
        server.wait_for_workers(4)
        after = wait_for("a scrape of the new workers", lambda: scrape(server))
        assert after == before

        trace(server, 301, f"{SLOW}?ms=300")
        assert numbers(scrape(server), CLASSIC) >= {1, 301}


def test_no_scrape_shows_half_an_exemplar_while_workers_write_and_are_killed(
    tmp_path: Path, shm_directory: Path
) -> None:
    with run_gunicorn(tmp_path, directory=shm_directory) as server:
        stop = threading.Event()
        sent = [0, 0, 0]

        def load(thread: int) -> None:
            while not stop.is_set():
                sent[thread] += 1
                # Differ in every byte, so that a mixture of two shows.
                number = (sent[thread] % 255 + 1) * 0x0101010101010101
                try:
                    trace(server, number)
                except (OSError, http.client.HTTPException):
                    continue  # its worker was killed

        threads = [threading.Thread(target=load, args=(thread,)) for thread in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                os.kill(server.wait_for_workers(4)[0], signal.SIGKILL)
                enough = sum(sent) + 150

                def scraped(enough: int = enough) -> bool:
                    try:
                        shown = scrape(server)
                    except (OSError, http.client.HTTPException):
                        return False
                    assert all(item.number for item in shown)
                    return sum(sent) > enough and bool(shown)

                wait_for("scrapes during the load", scraped)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)


@pytest.mark.parametrize(
    ("features", "highr"),
    [  # OpenMetrics is scraped, or protobuf
        ("exemplar-storage", f"{HIGHR}_bucket"),
        ("exemplar-storage,native-histograms", HIGHR),
    ],
)
def test_prometheus_returns_the_trace_of_a_slow_request(
    tmp_path: Path, shm_directory: Path, features: str, highr: str
) -> None:
    with (
        run_gunicorn(tmp_path, directory=shm_directory) as server,
        run_prometheus(
            tmp_path / "prometheus", [server.address], f"--enable-feature={features}"
        ) as prometheus,
    ):
        trace(server, 300, f"{SLOW}?ms=300")
        labels = {"trace_id": f"{300:032x}", "span_id": f"{300:016x}"}
        # As Grafana asks for the exemplars of a panel: with the panel's expression.
        panel = f'histogram_quantile(0.99, rate({CLASSIC}_bucket{{route="{SLOW}"}}[5m]))'
        (found,) = wait_for("the exemplar", lambda: prometheus.exemplars(panel))
        (exemplar,) = found["exemplars"]
        assert exemplar["labels"] == labels
        assert 0.3 <= float(exemplar["value"]) <= float(found["seriesLabels"]["le"])
        (found,) = prometheus.exemplars(highr)
        assert [exemplar["labels"] for exemplar in found["exemplars"]] == [labels]
        assert prometheus.last_error() == ""


def test_on_a_full_file_system_exemplars_are_dropped_and_counted(
    tmp_path: Path, small_tmpfs: Path
) -> None:
    with run_gunicorn(tmp_path, directory=small_tmpfs, workers=1) as server:
        trace(server, 1, flags="00")
        (worker,) = server.workers()
        filler = fill(small_tmpfs)
        for number in range(1, 11):
            trace(server, number)
        samples = server.scrape()
        assert samples[series("monitoring_dropped_total", reason="no_space")] == 10
        assert requests_by_series(samples)["GET", "/demo/ok/", "200"] == 11
        assert list(small_tmpfs.glob("exemplars_*")) == []

        filler.unlink()

        def is_shown() -> bool:
            trace(server, 12)
            return numbers(scrape(server), HIGHR) == {12}

        wait_for("exemplars are kept again", is_shown)
        assert server.workers() == [worker]
