"""A figure is above its threshold, is not, or cannot be judged: without database or settings."""

import pytest

from monitoring.alerts.definitions import DEFINITIONS, check_thresholds, is_above

MINIMUM = 20


@pytest.mark.parametrize(
    ("name", "value", "requests", "threshold", "expected"),
    [
        # Guarded: a figure of few requests is not above, and neither is a missing one.
        ("error_rate", 10.1, MINIMUM, 10.0, True),
        ("error_rate", 10.0, MINIMUM, 10.0, False),
        ("error_rate", 100.0, MINIMUM - 1, 10.0, False),
        ("error_rate", 100.0, None, 10.0, False),
        ("error_rate", None, 0, 10.0, False),
        ("error_rate", 0.1, MINIMUM, 0.0, True),
        # Not guarded: the number of requests does not matter, and a missing figure says nothing.
        ("active_sessions", 1001, 0, 1000.0, True),
        ("active_sessions", 1000, 0, 1000.0, False),
        ("active_sessions", None, MINIMUM, 1000.0, None),
        ("active_sessions", None, MINIMUM, None, None),
        # Off.
        ("error_rate", 100.0, MINIMUM, None, False),
        ("active_sessions", 1_000_000, MINIMUM, None, False),
    ],
)
def test_a_figure_is_above_its_threshold(
    name: str,
    value: float | None,
    requests: int | None,
    threshold: float | None,
    expected: bool | None,
) -> None:
    definition = DEFINITIONS[name]
    figures = {definition.field: value, "request_count": requests}
    assert is_above(definition, figures, threshold, MINIMUM) is expected


def test_without_a_minimum_one_request_is_enough() -> None:
    figures = {"error_rate": 100.0, "request_count": 1}
    assert is_above(DEFINITIONS["error_rate"], figures, 10.0, 0) is True


def test_every_default_is_an_allowed_value() -> None:
    defaults = {name: definition.default for name, definition in DEFINITIONS.items()}
    assert check_thresholds(defaults) == defaults
