"""A scrape as the tests look at it."""

import re
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Series = tuple[str, tuple[tuple[str, str], ...]]

# What never goes down, told by its name.
_CUMULATIVE = re.compile(r".*_(total|bucket|count|sum)")


def series(name: str, /, **labels: str) -> Series:
    return name, tuple(sorted(labels.items()))


def parse(text: str) -> dict[Series, float]:
    return {
        series(sample.name, **sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def requests_by_series(samples: Mapping[Series, float]) -> dict[tuple[str, str, str], float]:
    """`http_requests_total` by (method, route, status)."""
    return {
        (labels["method"], labels["route"], labels["status"]): value
        for (name, pairs), value in samples.items()
        if name == "http_requests_total" and (labels := dict(pairs))
    }


def went_down(before: Mapping[Series, float], after: Mapping[Series, float]) -> list[str]:
    """The cumulative series that are smaller in `after`, or gone."""
    return [
        f"{key}: {value} -> {after.get(key)}"
        for key, value in before.items()
        if _CUMULATIVE.fullmatch(key[0]) and after.get(key, -1.0) < value
    ]
