"""What the surroundings do is no error of ours: it is logged in a line, and not counted."""

import logging
from pathlib import Path

import pytest

from monitoring.errors import BrokerUnavailableError
from monitoring.exposition.refreshed import Refreshed
from tests.unit.conftest import RunPython, run_script

DROPS = """
from monitoring.merging.merge import shared_merger
def drops():
    merged = shared_merger(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])).merge()
    return {
        dict(line.labels)["reason"]: float(value)
        for line, value in zip(merged.layout.lines, merged.values)
        if line.name == "monitoring_dropped_total" and value
    }
"""

SNAPSHOT = """
from monitoring.figures.snapshot_taker import ensure_running
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
Counter("http_requests", "", ["method", "route", "status"]).labels("GET", "/", "200").inc()
{before}
ensure_running(directory, before_requests=True)
print(drops())
"""


def test_a_snapshot_that_cannot_be_written_is_no_internal_error(metrics_directory: Path) -> None:
    # A directory in its place: like a read-only disk, it refuses root, too.
    before = "(directory / 'snapshots.ring').mkdir()"
    assert run_script(DROPS + SNAPSHOT.format(before=before), metrics_directory).strip() == "{}"


def test_an_error_of_ours_in_a_snapshot_is_counted(run_python: RunPython) -> None:
    before = "import monitoring.figures.take_snapshot as s; del s.take_snapshot"
    found = run_python(DROPS + SNAPSHOT.format(before=before)).strip()
    assert found.startswith("{'internal_error': ")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(30, "Read-only file system", "/secret"), "Read-only file system"),
        (ConnectionRefusedError(), "ConnectionRefusedError"),
        (BrokerUnavailableError("Celery's broker: timeout"), "Celery's broker: timeout"),
    ],
)
def test_a_service_that_is_away_is_one_line_without_a_traceback(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    def ask() -> None:
        raise error

    name = f"figures of {type(error).__name__}"
    with caplog.at_level(logging.WARNING):
        Refreshed(name, ask, 60.0).get(60.0)
    (record,) = [record for record in caplog.records if name in record.getMessage()]
    assert record.getMessage() == f"no figures for {name}: {words}"
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_an_error_of_ours_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Refreshed("broken figures", lambda: {}["x"], 60.0).get(60.0)  # type: ignore[index]
    (record,) = [record for record in caplog.records if "broken figures" in record.getMessage()]
    assert (record.levelname, bool(record.exc_info)) == ("ERROR", True)


def test_slow_requests_that_cannot_be_stored_are_dropped_by_their_own_name(
    run_python: RunPython,
) -> None:
    found = run_python(
        DROPS
        + """
from django.conf import settings
settings.configure()
from monitoring.instruments.requests import slow_requests
from monitoring.instruments.requests.slow_request_file import FILE
directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
(directory / FILE).mkdir()
Counter("requests", "").inc()
one = slow_requests.SlowRequest("GET", "/", "/", 200, 1.0, 1.0, None)
slow_requests._write([one, one])
print(drops())
"""
    )
    assert found.strip() == "{'slow_requests': 2.0}"
