"""Routes have native histograms in protobuf, beside their classic ones, as many as are allowed."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.exposition.native_routes import NativeRoutes
from monitoring.merging.merge import Merger
from monitoring.storage.fine_file import FineFile
from monitoring.storage.format import FINE, file_path
from monitoring.storage.slot_file import open_slot_file
from tests.unit.exposition.protobuf_decoder import Message, decode, labels_of
from tests.unit.merging.stock_entries import no_damage
from tests.unit.storage.files import StockFile

NAME = "http_request_duration_seconds"
FIRST_INDEX = -224  # the fine bounds begin at 2^(-224/16) s


class Site:
    """The files of a slot with some routes."""

    def __init__(self, directory: Path) -> None:
        self._fine = open_slot_file(file_path(directory, FINE, "web-0"), FineFile)
        self._classic = StockFile(directory, "histogram_web-0.db")
        self._merger = Merger(directory, no_damage)
        self._sums: dict[str, float] = {}
        self.routes = NativeRoutes(directory)

    def count(self, route: str, bucket: int, times: float = 1.0, *, seconds: float = 1.0) -> None:
        key = json.dumps(["GET", route])
        index = self._fine.position(key)
        if index is None:
            index = self._fine.append(key)
        assert self._fine.cells is not None
        self._fine.cells[index + bucket] += times
        self.add_seconds(route, seconds)

    def add_seconds(self, route: str, seconds: float) -> None:
        self._sums[route] = self._sums.get(route, 0.0) + seconds
        labels = {"method": "GET", "route": route}
        self._classic.write(NAME, f"{NAME}_sum", labels, self._sums[route])
        self._classic.write(NAME, f"{NAME}_bucket", {**labels, "le": "+Inf"}, 1.0)

    def close(self) -> None:
        self._fine.forget()
        self._classic.close()

    def render(self, most: int = 1000, wanted: tuple[str, ...] = ()) -> dict[str, Message]:
        """The histogram of each route."""
        data = self.routes.render(self._merger.merge(), most, wanted)
        families = decode(data)
        assert [family["name"] for family in families] in ([], [NAME])
        return {
            dict(labels_of(metric))["route"]: metric["histogram"]
            for family in families
            for metric in family["metric"]
        }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def test_a_route_s_counts_are_those_of_a_native_histogram_of_schema_4(site: Site) -> None:
    site.count("/a/", 0, 2)
    site.count("/a/", 100, 3, seconds=4.5)
    site.count("/a/", 101, 1)
    histogram = site.render()["/a/"]
    assert histogram["sample_count"] == 6
    assert histogram["sample_sum"] == 6.5
    assert (histogram["schema"], histogram["zero_count"]) == (4, 2)
    assert histogram["zero_threshold"] == 2.0**-14
    assert histogram["positive_span"] == [{"offset": FIRST_INDEX + 100, "length": 2}]
    assert histogram["positive_delta"] == [3, -2]
    assert "bucket" not in histogram  # else Prometheus stores no classic series


def test_what_changes_is_encoded_anew_the_sum_too(site: Site) -> None:
    site.count("/a/", 5)
    site.count("/b/", 6)
    assert {route: h["sample_count"] for route, h in site.render().items()} == {"/a/": 1, "/b/": 1}
    site.count("/b/", 6)
    assert {route: h["sample_count"] for route, h in site.render().items()} == {"/a/": 1, "/b/": 2}
    site.add_seconds("/a/", 2.0)  # written a moment after its count
    assert site.render()["/a/"]["sample_sum"] == 3.0
    site.count("/c/", 7)
    assert list(site.render()) == ["/a/", "/b/", "/c/"]


def test_the_busiest_routes_are_chosen_and_stay(site: Site) -> None:
    for number, route in enumerate(("/a/", "/b/", "/c/")):
        site.count(route, 5, number + 1.0)
    assert set(site.render(most=2)) == {"/b/", "/c/"}
    site.count("/a/", 5, 100.0)
    assert set(site.render(most=2)) == {"/b/", "/c/"}
    assert set(site.render(most=3)) == {"/a/", "/b/", "/c/"}
    assert set(site.render(most=1)) == {"/a/"}


def test_no_route_and_a_family_that_is_not_wanted_are_no_message(site: Site) -> None:
    assert site.render() == {}
    site.count("/a/", 5)
    assert site.render(wanted=("other",)) == {}
    assert list(site.render(wanted=(NAME,))) == list(site.render(wanted=(f"{NAME}_sum",)))


@pytest.mark.parametrize("odd", [math.nan, -5.0, 0.5, math.inf])
def test_counts_that_are_no_counts_cost_only_their_own_histogram(site: Site, odd: float) -> None:
    site.count("/a/", 5)
    site.count("/b/", 5, odd)
    assert list(site.render()) == ["/a/"]
    assert list(site.render()) == ["/a/"]
