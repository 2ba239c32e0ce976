"""Settings: typed, with defaults; a mistake is named with what is allowed."""

import ipaddress

import pytest

from monitoring.conf import Settings, parse_settings


def test_defaults_need_no_settings() -> None:
    assert parse_settings({}) == (Settings(), [])


def test_values_are_given_in_their_types() -> None:
    result, problems = parse_settings(
        {
            "LATENCY_BUCKETS": [1, 2.5],
            "SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8", "::1"],
            "SLOW_REQUEST_MS": 250,
        }
    )
    assert problems == []
    assert result.LATENCY_BUCKETS == (1.0, 2.5)
    assert (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("::1/128"),
    ) == result.SCRAPE_ALLOWED_NETWORKS
    assert result.SLOW_REQUEST_MS == 250.0


def test_an_unknown_key_is_refused_with_the_nearest_name() -> None:
    _, problems = parse_settings({"MAX_ROUTE": 5})
    assert problems == ["MONITORING['MAX_ROUTE'] is not a setting; did you mean 'MAX_ROUTES'?"]


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("MAX_ROUTES", 0, "a whole number from 1 to 100000"),
        ("MAX_ROUTES", True, "a whole number"),
        ("MAX_ROUTES", "5", "a whole number"),
        ("SLOW_REQUEST_MS", -1, "a number above 0"),
        ("SLOW_REQUEST_MS", float("nan"), "a number above 0"),
        ("SLOW_REQUEST_MS", float("inf"), "a number above 0"),
        ("SLOW_REQUEST_MS", 10**400, "a number above 0"),
        ("STATUS_COUNTERS", 1, "True or False"),
        ("LATENCY_BUCKETS", [], "1 to 100 numbers"),
        ("LATENCY_BUCKETS", [2, 1], "each larger than the one before"),
        ("LATENCY_BUCKETS", [1, 1], "each larger than the one before"),
        ("LATENCY_BUCKETS", [1, float("inf")], "+Inf is added"),
        ("IGNORE_ROUTES", "/healthz/", "a list of strings"),
        ("SCRAPE_ALLOWED_NETWORKS", ["10.0.0.1/8"], "a list of networks"),
        ("SCRAPE_TOKEN", "short", "at least 16 ASCII characters"),
        ("REDIS_URL", "http://127.0.0.1", "a URL that begins with redis://"),
        ("REDIS_URL", "redis://", "a URL that begins with redis://"),
        ("PROMETHEUS_URL", "http://127.0.0.1:99999", "a URL that begins with http://"),
        ("PROMETHEUS_URL", None, "a URL that begins with http://"),
        ("PROMETHEUS_MATCHERS", {"a-b": "x"}, "a dict of label names and values"),
        ("PROMETHEUS_MATCHERS", {"job": 1}, "a dict of label names and values"),
        ("PROMETHEUS_TOKEN", "two\nlines", "printable characters"),
        ("PROMETHEUS_CA_FILE", 1, "a path"),
        ("SLOW_QUERY_LOG", 1, "a path, empty for none, or None for the default"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(key: str, value: object, allowed: str) -> None:
    result, problems = parse_settings({key: value})
    assert len(problems) == 1
    assert problems[0].startswith(f"MONITORING['{key}'] is ")
    assert allowed in problems[0]
    assert result == Settings()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SCRAPE_TOKEN", "short"),
        ("REDIS_URL", "redi://:short@host"),
        ("PROMETHEUS_TOKEN", "short\n"),
    ],
)
def test_a_secret_is_not_shown(key: str, value: str) -> None:
    _, problems = parse_settings({key: value})
    assert len(problems) == 1
    assert "short" not in problems[0]


def test_what_is_no_dict_is_refused_with_what_is_allowed() -> None:
    _, problems = parse_settings(["MAX_ROUTES"])
    assert problems == ["MONITORING is ['MAX_ROUTES']; allowed is a dict of settings"]
