"""The exporter's own life: custom collectors, readiness, and its end."""

import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.servers.exporter import Exporter, Response, run_exporter, write_settings
from tests.servers.exposition import parse, series
from tests.servers.gunicorn import children
from tests.servers.ports import wait_for
from tests.unit.storage.files import StockFile

COLLECTORS = """
import os
import time
from pathlib import Path
from prometheus_client.core import GaugeMetricFamily

class Good:
    def collect(self):
        yield GaugeMetricFamily("good", "Help.", value=1)

class Raises:
    def collect(self):
        raise RuntimeError("as it does")

class Twin:
    '''Families whose names are taken: by the registry, by the exporter, by another collector.'''
    def collect(self):
        for name in ("monitoring_merges", "gunicorn_workers", "good", "twin"):
            yield GaugeMetricFamily(name, "Help.", value=7)

def slow():
    class Slow:
        def collect(self):
            Path(os.environ["HOME"], "started").touch()
            time.sleep(float(os.environ["SLOW_SECONDS"]))
            yield GaugeMetricFamily("slow", "Help.", value=1)
    return Slow()
"""
NOBODY = 65534
NAMES = ("Good", "Raises", "Twin", "slow")


@pytest.fixture
def collectors(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "site_collectors.py").write_text(COLLECTORS)
    return write_settings(
        tmp_path,
        {
            "COLLECTORS": [f"site_collectors.{name}" for name in NAMES],
            "COLLECTOR_TIMEOUT_MS": 1000,
        },
    )


def errors(exporter: Exporter, name: str) -> float:
    return exporter.scrape()[
        series("monitoring_collector_errors_total", collector=f"site_collectors.{name}")
    ]


def test_collectors_that_fail_hang_or_clash_cost_only_themselves(
    tmp_path: Path, collectors: dict[str, str]
) -> None:
    collectors["SLOW_SECONDS"] = "3600"
    with run_exporter(tmp_path, directory=tmp_path / "metrics", env=collectors) as exporter:
        before = exporter.scrape()
        text = exporter.get(headers={"Accept": "application/openmetrics-text"}).text
        families = {family.name: family for family in text_string_to_metric_families(text)}
        assert families["monitoring_merges"].type == "counter"
        assert len(families["gunicorn_workers"].samples) == 2
        assert [families[name].samples[0].value for name in ("good", "twin")] == [1, 7]
        assert "slow" not in families
        after = exporter.scrape()
        for name, each in (("Good", 0), ("Raises", 1), ("slow", 1), ("Twin", 3)):
            label = series("monitoring_collector_errors_total", collector=f"site_collectors.{name}")
            # A scrape shows what failed before it: its own failures come after the merge.
            assert after[label] - before[label] == 2 * each, name
        assert exporter.log.read_text().count("collector site_collectors.Raises failed") == 1


def test_a_scrape_ends_before_prometheus_gives_up(
    tmp_path: Path, collectors: dict[str, str]
) -> None:
    """The collector may take a second by its setting, but this scraper waits only half of one."""
    collectors["SLOW_SECONDS"] = "0.9"
    with run_exporter(tmp_path, directory=tmp_path / "metrics", env=collectors) as exporter:
        header = {"X-Prometheus-Scrape-Timeout-Seconds": "0.5"}
        text = exporter.get(headers=header).text
        assert "\ngood 1" in text
        assert "\nslow 1" not in text
        wait_for("the earlier run's end", lambda: "\nslow 1" in exporter.get().text)


@pytest.fixture
def slow_exporter(tmp_path: Path, collectors: dict[str, str]) -> Iterator[Exporter]:
    collectors["SLOW_SECONDS"] = "0.8"
    with run_exporter(tmp_path, directory=tmp_path / "metrics", env=collectors) as exporter:
        yield exporter


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_status_0_and_finishes_the_scrape_that_runs(
    number: signal.Signals, slow_exporter: Exporter, tmp_path: Path
) -> None:
    answers: list[Response] = []
    idle = slow_exporter.connect()  # a connection that asks for nothing is not waited for
    idle.connect()
    running = threading.Thread(target=lambda: answers.append(slow_exporter.get()))
    running.start()
    wait_for("the collector to run", (tmp_path / "started").exists)
    slow_exporter.process.send_signal(number)
    running.join(20)
    assert slow_exporter.process.wait(20) == 0
    assert [answer.status for answer in answers] == [200]
    assert parse(answers[0].text)[series("slow")] == 1
    assert children(slow_exporter.process.pid) == []
    assert "Traceback" not in slow_exporter.log.read_text()
    idle.close()


def test_it_is_ready_while_it_can_read_the_directory(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    with run_exporter(tmp_path, directory=directory) as exporter:
        assert exporter.get("/-/ready").status == 200
        directory.rename(tmp_path / "away")
        refused = exporter.get("/-/ready")
        assert (refused.status, refused.text) == (503, "the metrics directory cannot be read\n")
        assert str(tmp_path) not in refused.text
        assert exporter.get("/-/healthy").status == 200
        (tmp_path / "away").rename(directory)
        assert exporter.get("/-/ready").status == 200
        assert exporter.get().status == 200


def test_a_directory_that_another_user_makes_in_place_of_a_deleted_one_is_not_read(
    tmp_path: Path,
) -> None:
    """Its figures would be forged, and its owner could end a reader by cutting its files short."""
    directory = tmp_path / "metrics"
    with run_exporter(tmp_path, directory=directory) as exporter:
        assert exporter.get().status == 200
        directory.rename(tmp_path / "away")
        directory.mkdir(mode=0o755)
        forged = directory / "counter_web-0.db"
        file = StockFile(directory, forged.name)
        file.write("forged", "forged_total", {}, 666.0)
        file.close()
        os.chown(directory, NOBODY, NOBODY)
        for _ in range(3):
            refused = exporter.get()
            assert (refused.status, refused.text) == (503, "the metrics directory cannot be read\n")
        assert exporter.get("/-/ready").status == 503
        assert "is owned by uid 65534" in exporter.log.read_text()
        assert exporter.log.read_text().count("the exporter has no figures") == 1
        os.chown(forged, NOBODY, NOBODY)
        os.chown(directory, 0, 0)
        answer = exporter.get()
        assert answer.status == 200
        assert "forged" not in answer.text
        os.truncate(forged, 0)
        assert exporter.get().status == 200


def test_a_low_soft_limit_of_open_files_is_raised(tmp_path: Path) -> None:
    """Metric files and connections need one each; with 1024 a large site would have too few."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > 2048
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))  # inherited by the exporter
    try:
        with run_exporter(tmp_path, directory=tmp_path / "metrics") as exporter:
            samples = exporter.scrape()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))
    limit = samples[series("process_max_fds", slot="exporter-0", role="exporter")]
    assert limit == min(hard, 16_384)
