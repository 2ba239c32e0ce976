"""The file of slow requests: bounded, and as good as its intact places."""

import os
from pathlib import Path

import pytest

from monitoring.instruments.request_headers import MAX_PATH
from monitoring.instruments.requests import slow_request_file
from monitoring.instruments.requests.slow_request_file import FILE, PLACE_BYTES, PLACES
from monitoring.instruments.requests.slow_requests import SlowRequest


def numbered(*numbers: int) -> list[bytes]:
    return [f"request {number}".encode() for number in numbers]


def test_a_missing_file_holds_nothing(tmp_path: Path) -> None:
    assert slow_request_file.read(tmp_path) == []


def test_the_newest_overwrite_the_oldest_and_the_file_stays_small(tmp_path: Path) -> None:
    for start in range(0, 300, 50):
        slow_request_file.add(tmp_path, numbered(*range(start, start + 50)))
    assert sorted(slow_request_file.read(tmp_path)) == sorted(numbered(*range(200, 300)))
    assert (tmp_path / FILE).stat().st_size == PLACES * PLACE_BYTES


def test_a_payload_that_is_too_long_is_left_out_and_counted(tmp_path: Path) -> None:
    assert slow_request_file.add(tmp_path, [b"x" * PLACE_BYTES, *numbered(1)]) == 1
    assert slow_request_file.read(tmp_path) == numbered(1)


def test_a_torn_place_costs_only_itself(tmp_path: Path) -> None:
    slow_request_file.add(tmp_path, numbered(1, 2, 3))
    descriptor = os.open(tmp_path / FILE, os.O_RDWR)
    os.lseek(descriptor, 2 * PLACE_BYTES + 20, os.SEEK_SET)
    os.write(descriptor, b"torn")
    os.close(descriptor)
    assert slow_request_file.read(tmp_path) == numbered(1, 3)
    slow_request_file.add(tmp_path, numbered(4))
    assert slow_request_file.read(tmp_path) == numbered(1, 3, 4)


@pytest.mark.parametrize("sign", ["a", '"', "\x01", "ß", "語", "\U0001f600"])
def test_a_slow_request_is_kept_whatever_its_path_is_made_of(tmp_path: Path, sign: str) -> None:
    path = "/" + sign * (MAX_PATH - 1)
    slow = SlowRequest("OPTIONS", path, path, 200, 12345.678, 1700000000.123, "r" * 128)
    assert slow_request_file.add(tmp_path, [slow.encode().encode()]) == 0
    [kept] = [SlowRequest.decode(payload) for payload in slow_request_file.read(tmp_path)]
    assert kept is not None
    assert path.startswith(kept.path)
    assert len(kept.path) >= 50
