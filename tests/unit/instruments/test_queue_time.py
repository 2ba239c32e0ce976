"""The time in the proxy's queue, from every common form of X-Request-Start."""

import pytest

from monitoring.instruments.request_headers import queue_seconds

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("t=1699999999.750", 0.25),
        ("1699999999.750", 0.25),
        ("t=1699999999", 1.0),
        ("1699999999750", 0.25),
        ("t=1699999999750", 0.25),
        ("t=1699999999750000", 0.25),
    ],
)
def test_seconds_milliseconds_and_microseconds_are_understood(header: str, seconds: float) -> None:
    assert queue_seconds(header, NOW) == pytest.approx(seconds, abs=1e-3)


def test_a_proxy_clock_slightly_ahead_is_no_wait() -> None:
    assert queue_seconds("t=1700000000.9", NOW) == 0.0


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "soon",
        "-1699999999",
        "1e9",
        "t=1700000002",
        "t=1699990000",
        "9" * 400,
        "nan",
        "t=١٦٩٩٩٩٩٩٩٩",
    ],
)
def test_what_is_no_such_moment_is_ignored(header: str) -> None:
    assert queue_seconds(header, NOW) is None
