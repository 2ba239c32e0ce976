"""prometheus-client's strict OpenMetrics parser reads what we write, from any directory."""

import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, InfoMetricFamily
from prometheus_client.utils import floatToGoString

from monitoring.exposition.text import TextRenderer
from monitoring.merging.merge import Merger
from tests.paths import MEMORY
from tests.unit.exposition.highr_files import write_highr
from tests.unit.exposition.openmetrics import openmetrics, parsed
from tests.unit.merging.stock_entries import MODES, no_damage
from tests.unit.stock import Samples, samples_of, stock_samples
from tests.unit.storage.files import StockFile

HELP = 'A "quote", a \\ and\na line.'
BOUNDS = (0.005, 0.5, 1.0, 2.5, 100.0, math.inf)

values_of_labels = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]) | st.sampled_from('"\\\n {}=,#é'),
    max_size=8,
)
label_sets = st.dictionaries(st.sampled_from(["route", "zone"]), values_of_labels, max_size=2)
amounts = st.floats(min_value=0, allow_nan=False)
any_number = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 2**40).map(float)


@dataclass(frozen=True)
class Child:
    """A metric with its labels as one process has it: the series that it writes, and where."""

    file: str
    family: str
    series: tuple[tuple[str, dict[str, str], float, float], ...]


@st.composite
def children(draw: st.DrawFn) -> Child:
    kind = draw(st.sampled_from(["counter", "gauge", "histogram", "summary"]))
    owner = draw(st.sampled_from(["web-0", "web-1", "celery-0", "12345"]))
    labels = draw(label_sets)
    family = kind + draw(st.sampled_from(["", "_bytes", "_seconds", "_ratio"]))
    prefix = kind
    series: list[tuple[str, dict[str, str], float, float]] = []
    if kind == "counter":
        series.append((f"{family}_total", labels, draw(amounts), 0.0))
    elif kind == "gauge":
        mode = draw(st.sampled_from(MODES))
        family, prefix = f"gauge_{mode}_{family}", f"gauge_{mode}"
        series.append((family, labels, draw(any_number), draw(st.sampled_from([0.0, 1.5, 1e9]))))
    elif kind == "summary":
        series.append((f"{family}_count", labels, draw(counts), 0.0))
        series.append((f"{family}_sum", labels, draw(amounts), 0.0))
    else:
        series.extend(
            (f"{family}_bucket", labels | {"le": floatToGoString(bound)}, draw(counts), 0.0)
            for bound in BOUNDS
        )
        series.append((f"{family}_sum", labels, draw(amounts), 0.0))
    return Child(f"{prefix}_{owner}.db", family, tuple(series))


def write(directory: Path, given_children: list[Child]) -> None:
    files: dict[str, StockFile] = {}
    for child in given_children:
        if child.file not in files:
            files[child.file] = StockFile(directory, child.file)
        for sample, labels, value, timestamp in child.series:
            files[child.file].write(child.family, sample, labels, value, timestamp, HELP)
    for file in files.values():
        file.close()


def without_nan(samples: Samples) -> Samples:
    """NaN equals nothing; that both have it at the same place is not looked at here."""
    return {key: value for key, value in samples.items() if not math.isnan(value)}


@settings(max_examples=150, deadline=None)
@given(st.lists(children(), max_size=12))
def test_any_directory_can_be_read_strictly_and_says_what_stock_says(given_: list[Child]) -> None:
    directory = Path(tempfile.mkdtemp(dir=MEMORY))
    try:
        write(directory, given_)
        families = parsed(openmetrics(Merger(directory, no_damage).merge()))
        ours, stock = samples_of(families.values()), stock_samples(directory)
        assert ours.keys() == stock.keys()
        assert without_nan(ours) == without_nan(stock)
        for name, family in families.items():
            assert family.type == name.split("_")[0]
            assert family.documentation == HELP
            unit = name.rpartition("_")[2]
            assert family.unit == (unit if unit in ("bytes", "seconds", "ratio") else "")
    finally:
        shutil.rmtree(directory)


def test_a_unit_is_named_for_every_type_that_has_one(tmp_path: Path) -> None:
    merged = Merger(tmp_path, no_damage).merge()
    text = openmetrics(
        merged,
        CounterMetricFamily("process_cpu_seconds", "Help.", 1.0),
        InfoMetricFamily("storage_bytes", "Help.", {"a": "b"}),
    )
    assert text.count("# UNIT") == 1
    assert "# UNIT process_cpu_seconds seconds\n" in text
    assert parsed(text)["process_cpu_seconds"].unit == "seconds"


def test_the_text_format_has_no_unit(tmp_path: Path) -> None:
    write_highr(tmp_path)
    text = TextRenderer().render(Merger(tmp_path, no_damage).merge(), []).decode()
    assert "# UNIT" not in text
    assert "# EOF" not in text


def test_a_label_that_is_no_unicode_costs_only_itself(tmp_path: Path) -> None:
    file = StockFile(tmp_path, "counter_web-0.db")
    file.write("c", "c_total", {"path": "caf\udce9"}, 1.0)
    file.write("c", "c_total", {"path": "tea"}, 2.0)
    file.close()
    family = parsed(openmetrics(Merger(tmp_path, no_damage).merge()))["c"]
    assert {(s.labels["path"], s.value) for s in family.samples} == {("caf?", 1.0), ("tea", 2.0)}


@pytest.mark.parametrize("names", [(), ("http_request_duration_highr_seconds",)])
def test_it_ends_with_eof_whatever_is_asked_for(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_highr(tmp_path)
    text = TextRenderer().render_openmetrics(Merger(tmp_path, no_damage).merge(), [], names)
    assert text.endswith(b"\n# EOF\n")
    assert (b"other" in text) is (not names)
