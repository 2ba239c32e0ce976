"""Parses the window that figures are for: a Prometheus duration, or `all`."""

import math
import re
from dataclasses import dataclass

ALL = "all"
DEFAULT_SECONDS = 3600.0
LOCAL_SECONDS = 24 * 3600.0
MOST_SECONDS = 365 * 86400.0  # for a source with its own history

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
# https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations: large units first.
_DURATION = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)


class WindowError(ValueError):
    """The text is not a window. The message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time until now; `seconds` is None for all time."""

    seconds: float | None = DEFAULT_SECONDS


def parse_window(text: str, most: float = LOCAL_SECONDS) -> Window:
    """`30s`, `5m`, `1h30m` up to `most` seconds, or `all`. Raises WindowError."""
    if text == ALL:
        return Window(None)
    match = _DURATION.fullmatch(text) if 0 < len(text) <= 32 else None
    if match is None:
        raise WindowError("allowed is a duration such as 30s, 5m or 1h, or all")
    numbers = zip(match.groups(), ("y", "w", "d", "h", "m", "s", "ms"), strict=True)
    seconds = math.fsum(int(number) * _UNITS[unit] for number, unit in numbers if number)
    if not 1 <= seconds <= most:
        raise WindowError(f"allowed is a duration from 1s to {round(most / 3600)}h, or all")
    return Window(seconds)
