"""Whatever Prometheus says ends in figures that are JSON, or in a stated error."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from monitoring.conf import parse_settings
from monitoring.figures.intervals import latency_histogram, points
from monitoring.figures.prometheus_source import PrometheusSource
from monitoring.figures.ranking import Ranking
from monitoring.figures.request_figures import request_figures
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.figures.window import Window
from tests.unit.figures.api_server import ApiServer, run_api_server

LABELS = {"method": "GET", "route": "/a/", "status": "200", "le": "+Inf", "state": "busy"}
# Text that a server may put where a number, a label or a bound belongs.
ODD: list[Any] = [
    "NaN",
    "+Inf",
    "-Inf",
    "-1",
    "1e308",
    "1e-320",
    "abc",
    "",
    "0",
    "9" * 5000,
    "\ud800",
    "\0",
    None,
    True,
    10**400,
    [],
    {},
    {"le": 1},
    [[], []],
]


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with run_api_server() as running:
        yield running


@pytest.fixture
def source(server: ApiServer) -> Iterator[PrometheusSource]:
    settings, problems = parse_settings({"PROMETHEUS_URL": server.url})
    assert problems == []
    yield PrometheusSource(settings)
    server.answer = None


def sample(path: str, form: dict[str, list[str]], **labels: Any) -> dict[str, Any]:
    """An honest sample for the query."""
    metric = {name: text for name, text in LABELS.items() if name in form["query"][0]} | labels
    if path.endswith("query_range"):
        return {"metric": metric, "values": [[float(form["end"][0]), "3"]]}
    return {"metric": metric, "value": [float(form["time"][0]), "3"]}


def body(result: Any) -> bytes:
    answer = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps(answer).encode()


def outcome(question: Callable[[], Any]) -> str:
    """`figures`, or the code of the stated error."""
    try:
        json.dumps(question(), allow_nan=False, ensure_ascii=False).encode()
    except SourceUnavailableError as error:
        return error.code
    return "figures"


def outcomes(source: PrometheusSource, window: float | None = 3600.0) -> list[str]:
    def series() -> Any:
        found = source.intervals(Window(window))
        return points(found.intervals), latency_histogram(found.duration), found.covered_seconds

    return [
        outcome(lambda: request_figures(source.traffic(Window(window), Ranking()))),
        outcome(series),
    ]


def test_samples_of_other_labels_are_left_out(server: ApiServer, source: PrometheusSource) -> None:
    def answer(path: str, form: dict[str, list[str]]) -> bytes:
        other = sample(path, form)
        other["metric"] = {"handler": "/x", "code": "200"}
        return body([sample(path, form), other])

    server.answer = answer
    assert outcomes(source) == ["figures", "figures"]
    assert request_figures(source.traffic(Window()))["request_count"] == 3


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "1e308", "abc"])
def test_a_value_that_is_no_count_is_a_bad_answer(
    server: ApiServer, source: PrometheusSource, value: str
) -> None:
    def answer(path: str, form: dict[str, list[str]]) -> bytes:
        found = sample(path, form)
        if "value" in found:
            found["value"][1] = value
        return body([found])

    server.answer = answer
    assert outcomes(source) == ["bad_answer", "bad_answer"]


@pytest.mark.parametrize("bound", ["abc", "NaN", "-1", "1e308", "\u0663\ud800"])
def test_a_bound_that_is_no_time_is_a_bad_answer(
    server: ApiServer, source: PrometheusSource, bound: str
) -> None:
    server.answer = lambda path, form: body(
        [sample(path, form, **({"le": bound} if "by (le)" in form["query"][0] else {}))]
    )
    assert outcomes(source) == ["bad_answer", "bad_answer"]


@pytest.mark.parametrize("nested", [b"[" * 200_000, b'{"a":' * 200_000])
def test_deeply_nested_json_is_a_bad_answer(
    server: ApiServer, source: PrometheusSource, nested: bytes
) -> None:
    server.answer = lambda path, form: nested
    assert outcomes(source) == ["bad_answer", "bad_answer"]


def test_samples_of_the_future_leave_nothing_covered(
    server: ApiServer, source: PrometheusSource
) -> None:
    def answer(path: str, form: dict[str, list[str]]) -> bytes:
        found = sample(path, form)
        if form["query"][0].startswith("time()"):
            found["value"][1] = "-86400"
        return body([found])

    server.answer = answer
    assert outcomes(source) == ["figures", "figures"]


def test_no_answer_whatever_is_an_error_of_ours(
    server: ApiServer, source: PrometheusSource
) -> None:
    chance = random.Random(20)

    def answer(path: str, form: dict[str, list[str]]) -> bytes:
        found = [sample(path, form) for _ in range(chance.randrange(1, 4))]
        if chance.random() < 0.7:
            return body(found)
        text = json.loads(body(found))
        _spoil(text, chance)
        encoded = json.dumps(text).encode()
        if chance.random() < 0.1:
            encoded = encoded[: chance.randrange(len(encoded))]
        return encoded

    server.answer = answer
    seen: set[str] = set()
    for _ in range(400):
        seen.update(outcomes(source, chance.choice([1.0, 3600.0, 30 * 86400.0, None])))
    assert seen <= {"figures", "bad_answer", "partial_data", "no_data", "timeout"}
    assert {"figures", "bad_answer"} <= seen  # the answers are neither all good nor all bad


def _spoil(part: Any, chance: random.Random) -> None:
    """Replace, drop or double one thing somewhere in the JSON."""
    while True:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(part[key], dict | list) and chance.random() < 0.85:
            part = part[key]
            continue
        if chance.random() < 0.2:
            del part[key]
        else:
            part[key] = chance.choice(ODD)
        return
