"""A real Prometheus reads the scrape, and its answers are the right ones."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.load.client import Load, Result
from tests.servers.exposition import Series, requests_by_series
from tests.servers.gunicorn import SCRAPE, Gunicorn, run_gunicorn
from tests.servers.ports import wait_for
from tests.servers.prometheus import Prometheus, program, run_prometheus


@pytest.fixture
def server(tmp_path: Path, shm_directory: Path) -> Iterator[Gunicorn]:
    with run_gunicorn(tmp_path, directory=shm_directory) as running:
        yield running


@pytest.fixture
def prometheus(server: Gunicorn, tmp_path: Path) -> Iterator[Prometheus]:
    with run_prometheus(tmp_path / "prometheus", [server.address]) as running:
        yield running


def quantile(samples: dict[Series, float], q: float) -> float:
    """The quantile of the fine histogram, worked out here, as Prometheus documents it."""
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for (name, labels), value in samples.items()
        if name == "http_request_duration_highr_seconds_bucket"
    )
    rank = q * buckets[-1][1]
    index = next(i for i, (_, count) in enumerate(buckets) if count >= rank)
    low, below = buckets[index - 1] if index else (0.0, 0.0)
    high, count = buckets[index]
    return low + (high - low) * (rank - below) / (count - below)


def test_prometheus_answers_what_the_client_counted(
    server: Gunicorn, prometheus: Prometheus
) -> None:
    result: Result = Load(server.address).start(1500).finish()
    expected = dict(result.answered)

    def stored() -> bool:
        vector = prometheus.query("http_requests_total")
        return expected == {
            (item["metric"]["method"], item["metric"]["route"], item["metric"]["status"]): float(
                item["value"][1]
            )
            for item in vector
        }

    wait_for("the counts in Prometheus", stored)
    wait_for("a scrape without error", lambda: prometheus.last_error() == "")
    assert prometheus.value("sum(http_requests_total)") == result.total
    samples = server.scrape()
    assert requests_by_series(samples) == expected
    for q in (0.5, 0.9, 0.99):
        expression = f"histogram_quantile({q}, http_request_duration_highr_seconds_bucket)"
        assert prometheus.value(expression) == pytest.approx(quantile(samples, q), rel=1e-9)


def test_prometheus_sees_no_reset_while_workers_are_killed_and_reloaded(
    server: Gunicorn, prometheus: Prometheus
) -> None:
    """A counter that goes down looks like a restart, and rate() invents requests."""
    answered = 0
    for round_number in range(4):
        load = Load(server.address, seed=round_number).start(500)
        for worker in server.workers()[:2]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        server.signal(signal.SIGHUP)
        answered += load.finish().answered.total()
        reached = f"sum(http_requests_total) >= {answered}"
        wait_for("the counts in Prometheus", partial(prometheus.query, reached))
    for name in ("http_requests_total", "http_request_duration_seconds_bucket"):
        assert prometheus.value(f"max(changes({name}[10m]))") != 0  # it watched them grow
        assert prometheus.value(f"sum(resets({name}[10m]))") == 0


def test_promtool_finds_nothing_to_complain_about(server: Gunicorn) -> None:
    Load(server.address).start(200).finish()
    _, text = server.get(SCRAPE)
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
