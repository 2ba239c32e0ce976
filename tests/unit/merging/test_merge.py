"""Our merge gives what the stock collector gives, on any directory that it can read, with every
histogram whole."""

import math
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from monitoring.exposition.text import TextRenderer
from monitoring.merging.merge import Merger
from tests.paths import MEMORY
from tests.unit.merging.stock_entries import Entry, entries, no_damage, write_entries
from tests.unit.stock import (
    Samples,
    samples_of,
    stock_metrics,
    stock_samples,
    with_whole_histograms,
)
from tests.unit.storage.files import StockFile


def assert_same(ours: Samples, stock: Samples) -> None:
    assert ours.keys() == stock.keys()
    for key, value in stock.items():
        assert ours[key] == value or (math.isnan(ours[key]) and math.isnan(value)), key


def rendered(merger: Merger, renderer: TextRenderer) -> Samples:
    text = renderer.render(merger.merge(), []).decode()
    return samples_of(text_string_to_metric_families(text))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(entries(), max_size=25), min_size=1, max_size=3))
def test_any_directory_read_once_or_while_it_grows(steps: list[list[Entry]]) -> None:
    directory = Path(tempfile.mkdtemp(dir=MEMORY))
    try:
        merger, renderer = Merger(directory, no_damage), TextRenderer()
        for step in steps:
            write_entries(directory, step)
            stock = with_whole_histograms(stock_metrics(directory))
            merged = merger.merge()
            ours = {
                (line.name, tuple(sorted(line.labels))): value
                for family in merged.layout.families
                for line, value in merged.samples(family.name)
            }
            assert_same(ours, stock)
            assert_same(rendered(merger, renderer), stock)
            types = {metric.name: metric.type for metric in stock_metrics(directory)}
            shown = {family.name: family.type for family in merged.layout.families}
            # A mostrecent gauge that was never set has no sample; then we show no family.
            assert {name: types[name] for name in shown} == shown
    finally:
        shutil.rmtree(directory)


@pytest.mark.parametrize("made", range(6))
def test_a_histogram_whose_process_was_killed_while_it_made_it_spoils_no_scrape(
    tmp_path: Path, made: int
) -> None:
    whole = [("h_sum", {}), *(("h_bucket", {"le": le}) for le in ("0.1", "1.0", "2.5", "+Inf"))]
    file = StockFile(tmp_path, "histogram_web-0.db")
    for sample, labels in whole[:made]:
        file.write("h", sample, labels, 1.0)
    file.close()
    text = TextRenderer().render_openmetrics(Merger(tmp_path, no_damage).merge(), []).decode()
    shown = samples_of(openmetrics_families(text))
    assert shown.get(("h_count", ())) == (made - 1 if made > 1 else None)
    assert shown.get(("h_bucket", (("le", "+Inf"),))) == shown.get(("h_count", ()))


def test_bounds_written_in_two_ways_are_one_bucket(tmp_path: Path) -> None:
    for owner, bound in (("web-0", "1"), ("web-1", "1.0")):
        file = StockFile(tmp_path, f"histogram_{owner}.db")
        file.write("h", "h_bucket", {"le": bound}, 2.0)
        file.write("h", "h_bucket", {"le": "+Inf"}, 1.0)
        file.close()
    assert_same(rendered(Merger(tmp_path, no_damage), TextRenderer()), stock_samples(tmp_path))


def test_one_series_under_two_help_texts_in_one_file_is_summed(tmp_path: Path) -> None:
    file = StockFile(tmp_path, "counter_web-0.db")
    file.write("c", "c_total", {"a": "b"}, 2.0, help_text="One.")
    file.write("c", "c_total", {"a": "b"}, 3.0, help_text="Two.")
    file.close()
    assert_same(rendered(Merger(tmp_path, no_damage), TextRenderer()), stock_samples(tmp_path))
