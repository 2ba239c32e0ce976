"""The last entries of the log, newest first."""

import json
from pathlib import Path
from typing import Any

from monitoring.figures.ranking import Selection
from monitoring.figures.recent_queries import recent
from monitoring.instruments.databases.query_log import REPEATED, SLOW


def entry(number: int, event: str = SLOW) -> dict[str, Any]:
    return {
        "event": event,
        "time": f"2026-11-23T10:00:{number:02}.500+00:00",
        "alias": "default",
        "duration_ms": 100.0 + number,
        "count": number,
        "sql": "SELECT ?",
        "fingerprint": "f" * 16,
        "route": "/a/",
        "request_id": None,
        "rows": 1,
        "suppressed": 0,
    }


def write(path: Path, *entries: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(found) + "\n" for found in entries))


def test_the_newest_come_first_from_the_rotated_file_as_well(tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    write(tmp_path / "slow.log.1", *(entry(n) for n in range(20)))
    write(log, *(entry(n) for n in range(20, 23)), entry(23, REPEATED))
    found = recent(log, SLOW)
    assert [item["duration_ms"] for item in found] == [100.0 + n for n in range(22, 12, -1)]
    assert found[0] == {
        "timestamp": 1795428022.5,
        "fingerprint": "f" * 16,
        "sql": "SELECT ?",
        "duration_ms": 122.0,
        "alias": "default",
        "method": None,
        "route": "/a/",
        "request_id": None,
        "trace_id": None,
        "caller": None,
        "rows": 1,
    }
    (repeated,) = recent(log, REPEATED)
    assert (repeated["count"], "duration_ms" in repeated) == (23, False)


def test_what_is_no_entry_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    log.write_text('half\n[1]\n{"event": "slow_query"}\n"x"\n' + json.dumps(entry(1)) + "\n{")
    assert len(recent(log, SLOW)) == 1


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    write(log, *({**entry(n % 60), "sql": "x" * 1000} for n in range(2000)))
    assert len(recent(log, SLOW)) == 10


def test_no_log_has_no_entries(tmp_path: Path) -> None:
    assert recent(None, SLOW) == []
    assert recent(tmp_path / "none.log", SLOW) == []
    assert recent(tmp_path, SLOW) == []


def test_those_of_one_route_are_found_behind_those_of_others(tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    others = [{**entry(n), "route": "/b/", "method": "GET"} for n in range(2, 40)]
    write(log, {**entry(1), "method": "GET"}, *others)
    (found,) = recent(log, SLOW, Selection("GET", "/a/"))
    assert found["duration_ms"] == 101.0
    assert recent(log, SLOW, Selection("POST", "/a/")) == []


def test_what_utf_8_cannot_write_is_replaced(tmp_path: Path) -> None:
    log = tmp_path / "slow.log"
    write(log, {**entry(1), "caller": "caf\udce9/views.py:1:ask"})
    assert recent(log, SLOW)[0]["caller"] == "caf?/views.py:1:ask"
