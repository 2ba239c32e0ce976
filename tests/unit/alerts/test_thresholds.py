"""Thresholds change whole or not at all, and who changed them is kept."""

import math

import pytest
from django.contrib.auth.models import User

from monitoring.alerts.definitions import InvalidThresholdsError
from monitoring.alerts.thresholds import change_thresholds, current_thresholds
from monitoring.models import ThresholdChange

pytestmark = pytest.mark.django_db


def test_the_defaults_are_those_of_the_contract() -> None:
    now = current_thresholds()
    assert (now["error_rate"], now["avg_response_time"]) == (10, 2000)
    assert (now["slow_request_count"], now["active_sessions"]) == (50, 1000)


def test_a_subset_changes_and_null_switches_off(admins: list[User]) -> None:
    changed = change_thresholds({"error_rate": 5, "active_sessions": None}, admins[0])
    assert changed == current_thresholds()
    assert (changed["error_rate"], changed["active_sessions"]) == (5.0, None)
    assert changed["avg_response_time"] == 2000


def test_who_changed_what_is_kept(admins: list[User]) -> None:
    change_thresholds({"error_rate": 5, "slow_request_count": 50}, admins[0])
    change_thresholds({"error_rate": None}, admins[1])
    history = ThresholdChange.objects.values_list(
        "name", "old_value", "new_value", "changed_by__username"
    )
    assert list(history) == [("error_rate", 5, None, "ben"), ("error_rate", 10, 5, "anna")]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"error_rate": 5, "eror_rate": 5}, "eror_rate"),
        ({"error_rate": 5, "avg_response_time": "2000"}, "avg_response_time"),
        ({"slow_request_count": 5, "error_rate": 100.1}, "error_rate"),
        ({"slow_request_count": 5, "server_error_rate": 101}, "server_error_rate"),
        ({"slow_request_count": -1}, "slow_request_count"),
        ({"slow_request_count": True}, "slow_request_count"),
        ({"slow_request_count": math.nan}, "slow_request_count"),
        ({"slow_request_count": math.inf}, "slow_request_count"),
        ({"slow_request_count": 10**400}, "slow_request_count"),
        ({"slow_request_count": [1]}, "slow_request_count"),
        ([], "thresholds"),
        (None, "thresholds"),
    ],
)
def test_bad_input_names_the_field_and_changes_nothing(
    given: object, field: str, admins: list[User]
) -> None:
    before = current_thresholds()
    with pytest.raises(InvalidThresholdsError) as caught:
        change_thresholds(given, admins[0])
    assert list(caught.value.fields) == [field]
    assert current_thresholds() == before
    assert not ThresholdChange.objects.exists()
