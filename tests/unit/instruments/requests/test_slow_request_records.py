"""A stored record that is none of ours is left out, whatever it holds."""

import json
from dataclasses import asdict

import pytest

from monitoring.instruments.requests.slow_requests import SlowRequest

RECORD = SlowRequest("GET", "/a/", "/a/", 200, 700.0, 1_700_000_000.0, None)


def test_a_record_is_read_as_it_was_written() -> None:
    assert SlowRequest.decode(RECORD.encode()) == RECORD


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration_ms", "NaN"),
        ("timestamp", "Infinity"),
        ("duration_ms", 10**400),
        ("status", float("inf")),
        ("status", None),
    ],
)
def test_a_record_with_a_number_that_is_no_json_is_left_out(field: str, value: object) -> None:
    assert SlowRequest.decode(json.dumps(asdict(RECORD) | {field: value})) is None


@pytest.mark.parametrize("text", ["[" * 200_000, "[]", "3", '"x"', "", "{}"])
def test_what_is_no_record_is_left_out(text: str) -> None:
    assert SlowRequest.decode(text) is None
