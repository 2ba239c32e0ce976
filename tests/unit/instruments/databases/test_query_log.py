"""The slow query log is in a safe place or nowhere, and a line that is lost counts once."""

import os
import time
from pathlib import Path

import pytest

from monitoring.conf import Settings
from monitoring.instruments.databases import log_place
from monitoring.instruments.databases.log_place import log_path, problem_of_log
from monitoring.instruments.databases.query_log import SLOW, Origin, QueryLog
from monitoring.storage import own_counters, this_process


@pytest.fixture
def as_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_process.files, "role", "web")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_site: None) -> Path:
    monkeypatch.setattr(log_place, "_kept", lambda: tmp_path)
    return tmp_path


def write(settings: Settings, lines: int = 1) -> None:
    log = QueryLog(settings)
    for _ in range(lines):
        facts = {"event": SLOW, "time": time.time(), "alias": "default"}
        log.write(facts, ("SELECT 1", "sqlite"), Origin(None, None), {})


@pytest.mark.needs("owners")
def test_by_default_the_log_is_in_a_directory_of_the_users_own(kept: Path) -> None:
    write(Settings())
    (parent,) = kept.iterdir()
    assert parent.name.startswith(f"django-monitoring-{os.geteuid()}-")
    assert parent.stat().st_mode & 0o777 == 0o700
    assert log_path(Settings()) == parent / "slow_queries.log"
    assert '"event": "slow_query"' in (parent / "slow_queries.log").read_text()


@pytest.mark.needs("owners")
@pytest.mark.parametrize("spoil", ["others may write", "a link"])
def test_a_default_place_that_is_not_safe_switches_the_log_off_and_counts_nothing(
    kept: Path, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = log_path(Settings())
    assert place is not None
    if spoil == "a link":
        place.parent.rmdir()
        (kept / "elsewhere").mkdir()
        place.parent.symlink_to(kept / "elsewhere")
    else:
        place.parent.chmod(0o777)
    dropped: list[str] = []
    monkeypatch.setattr(this_process, "drop", dropped.append)
    write(Settings(), lines=3)
    assert log_path(Settings()) is None
    assert not place.exists()
    assert not dropped
    assert str(place.parent) in problem_of_log(Settings())


def test_a_named_log_that_cannot_be_written_counts_each_line_once_and_warns_once(
    tmp_path: Path,
    as_site: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "file").touch()
    dropped: list[str] = []
    monkeypatch.setattr(this_process, "drop", dropped.append)
    write(Settings(SLOW_QUERY_LOG=str(tmp_path / "file" / "slow.log")), lines=3)
    assert dropped == [own_counters.DROP_QUERY_LOG] * 3
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)


def test_a_test_run_writes_nothing_into_the_sites_own_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(this_process.files, "role", "test")
    live = tmp_path / "slow.log"
    write(Settings(SLOW_QUERY_LOG=str(live)))
    own = log_path(Settings(SLOW_QUERY_LOG=str(live)))
    assert own is not None
    assert this_process.files.directory is not None
    assert own.is_relative_to(this_process.files.directory)
    assert own.exists()
    assert not live.exists()
