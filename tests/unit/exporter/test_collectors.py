"""Custom collectors: what they give is served, and none can harm the scrape."""

import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.errors import SettingsError
from monitoring.exporter.collectors import MAX_SAMPLES, CustomCollectors, checked
from monitoring.exposition.claims import ClaimedNames
from monitoring.metrics.own_families import collector_errors_total

HERE = "tests.unit.exporter.test_collectors"
_release = threading.Event()


class Good(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("good", "Help.", value=1)


class Raises(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("half", "Help.", value=1)
        raise RuntimeError("as it does")


class Hangs(Collector):
    def collect(self) -> Iterator[Metric]:
        _release.wait(60)
        yield GaugeMetricFamily("late", "Help.", value=1)


class Exits(Collector):
    def collect(self) -> Iterator[Metric]:
        raise SystemExit(3)


class Twin(Collector):
    """Gives a family that the good one has given, and one of its own."""

    def collect(self) -> Iterator[Metric]:
        yield CounterMetricFamily("good", "Help.", value=9)
        yield GaugeMetricFamily("twin", "Help.", value=1)


class Broken(Collector):
    def __init__(self) -> None:
        raise OSError("no such database")


def errors(name: str) -> float:
    value: float = collector_errors_total().labels(f"{HERE}.{name}")._value.get()
    return value


def names(families: Iterator[Metric]) -> list[str]:
    return [family.name for family in families]


@pytest.fixture(autouse=True)
def hanging() -> Iterator[None]:
    _release.clear()
    yield
    _release.set()


@pytest.mark.parametrize("bad", ["Raises", "Hangs", "Exits"])
def test_one_that_fails_is_counted_and_the_others_are_served(bad: str) -> None:
    before = errors(bad)
    collectors = CustomCollectors([f"{HERE}.{bad}", f"{HERE}.Good"], 0.1)
    assert names(collectors.collect(5.0, ClaimedNames())) == ["good"]
    assert errors(bad) == before + 1


def test_one_that_hangs_takes_its_time_once_and_runs_again_when_it_has_ended() -> None:
    collectors = CustomCollectors([f"{HERE}.Hangs"], 0.1)
    before = errors("Hangs")
    threads = threading.active_count()
    for _ in range(20):
        assert names(collectors.collect(0.1, ClaimedNames())) == []
    assert threading.active_count() == threads + 1
    assert errors("Hangs") == before + 20
    _release.set()
    for thread in threading.enumerate():
        if thread.name == f"{HERE}.Hangs":
            thread.join(10)
    assert names(collectors.collect(5.0, ClaimedNames())) == ["late"]


def test_scrapes_that_follow_each_other_at_once_all_have_its_families() -> None:
    before = errors("Good")
    collectors = CustomCollectors([f"{HERE}.Good"], 5.0)
    for _ in range(300):
        assert names(collectors.collect(5.0, ClaimedNames())) == ["good"]
    assert errors("Good") == before


def test_the_scrape_may_have_less_time_than_the_setting_gives() -> None:
    collectors = CustomCollectors([f"{HERE}.Hangs", f"{HERE}.Good"], 3600)
    began = time.monotonic()
    assert names(collectors.collect(0.1, ClaimedNames())) == ["good"]
    assert time.monotonic() - began < 60  # and not an hour


def test_a_family_that_is_there_already_is_left_out_and_counted() -> None:
    before = errors("Twin")
    collectors = CustomCollectors([f"{HERE}.Good", f"{HERE}.Twin"], 5.0)
    assert names(collectors.collect(5.0, ClaimedNames())) == ["good", "twin"]
    assert errors("Twin") == before + 1


@pytest.mark.parametrize("taken", ["good", "good_total"])
def test_names_that_the_registry_uses_are_taken(taken: str) -> None:
    collectors = CustomCollectors([f"{HERE}.Twin"], 5.0)
    assert names(collectors.collect(5.0, ClaimedNames([taken]))) == ["twin"]


@pytest.mark.parametrize("path", ["nowhere.Collector", f"{HERE}.Missing", f"{HERE}.Broken", "x"])
def test_a_path_that_cannot_be_used_is_named(path: str) -> None:
    with pytest.raises(SettingsError, match=rf"COLLECTORS.*{path}.*allowed are dotted paths"):
        CustomCollectors([path], 1.0)


def bad_families() -> dict[str, object]:
    wrong_name = GaugeMetricFamily("a", "Help.")
    wrong_name.add_sample("b", {}, 1)
    twice = GaugeMetricFamily("a", "Help.", labels=["x"])
    twice.add_metric(["1"], 1)
    twice.add_metric(["1"], 2)
    one_label_twice = GaugeMetricFamily("a", "Help.")
    one_label_twice.add_sample("a", {"x.y": "1", "x_y": "2"}, 1)
    number_as_label = GaugeMetricFamily("a", "Help.")
    number_as_label.add_sample("a", {"x": 1}, 1)  # type: ignore[dict-item]
    no_number = GaugeMetricFamily("a", "Help.")
    no_number.add_sample("a", {}, "many")  # type: ignore[arg-type]
    return {
        "another family's sample": wrong_name,
        "a series twice": twice,
        "two labels that are shown under one name": one_label_twice,
        "a number as a label": number_as_label,
        "a text as a value": no_number,
        "no family": ("a", 1.0),
    }


@pytest.mark.parametrize("what", bad_families())
def test_what_cannot_be_exposed_is_refused(what: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        checked([bad_families()[what]])  # type: ignore[list-item]


def test_an_endless_collector_is_stopped() -> None:
    given = 0

    def endless() -> Iterator[Metric]:
        nonlocal given
        while True:
            given += 1
            yield GaugeMetricFamily(f"g{given}", "Help.", value=1)

    with pytest.raises(ValueError, match="more than"):
        checked(endless())
    assert given <= MAX_SAMPLES


def test_metric_names_that_are_escaped_to_one_are_one() -> None:
    claimed = ClaimedNames()
    assert claimed.claim("a.b", "gauge")
    assert not claimed.claim("a_b", "gauge")
