"""What protobuf says is what the merge says, and the fine histogram is a native one as well."""

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
    SummaryMetricFamily,
    Timestamp,
    UnknownMetricFamily,
)
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from monitoring.exposition.protobuf import NATIVE_FAMILY, ProtobufRenderer
from monitoring.merging.exemplar_reader import Exemplars
from monitoring.merging.merge import Merged, Merger
from monitoring.metrics.request_families import HIGHR_BOUNDS
from tests.paths import MEMORY
from tests.unit.exposition.protobuf_decoder import (
    TYPES,
    Message,
    decode,
    labels_of,
    samples_in,
)
from tests.unit.merging.stock_entries import Entry, entries, no_damage, write_entries
from tests.unit.stock import Samples, samples_of
from tests.unit.storage.files import StockFile

BOUNDS = (*HIGHR_BOUNDS, math.inf)
FIRST_INDEX = -224  # HIGHR_BOUNDS begins at 2^(-224/16)


@contextmanager
def new_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(dir=MEMORY))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def in_merge(merged: Merged) -> Samples:
    return {
        (line.name, tuple(sorted(line.labels))): value
        for family in merged.layout.families
        for line, value in merged.samples(family.name)
    }


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def as_summary_count(value: float) -> float:
    """The schema has only uint64 for it."""
    if math.isnan(value) or value < 0:
        return 0.0
    return float(math.floor(min(value, 2.0**64)))


def merged_histogram(
    directory: Path, counts: Mapping[float, float], name: str = NATIVE_FAMILY
) -> Merged:
    """A histogram with these plain counts by bound, and the sum 12.5."""
    file = StockFile(directory, "histogram_web-0.db")
    for bound, count in counts.items():
        file.write(name, f"{name}_bucket", {"le": floatToGoString(bound)}, count)
    file.write(name, f"{name}_sum", {}, 12.5)
    file.close()
    return Merger(directory, no_damage).merge()


def merged_entries(directory: Path) -> Merged:
    return Merger(directory, no_damage).merge()


def render(merged: Merged, *extra: Metric, names: tuple[str, ...] = ()) -> list[Message]:
    return decode(ProtobufRenderer().render(merged, extra, names))


def histogram_of(families: list[Message]) -> Message:
    ((metric,),) = [family["metric"] for family in families]
    histogram: Message = metric["histogram"]
    return histogram


def native_counts(histogram: Message) -> dict[int, int]:
    """The counts in the spans, by native bucket index."""
    counts = {}
    deltas = iter(histogram.get("positive_delta", ()))
    index = count = 0
    for span in histogram.get("positive_span", ()):
        index += span["offset"]
        for _ in range(span["length"]):
            count += next(deltas)
            counts[index] = count
            index += 1
    assert list(deltas) == []
    return counts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(entries(), max_size=25), min_size=1, max_size=3))
def test_any_directory_gives_the_samples_of_the_merge_while_it_grows(
    steps: list[list[Entry]],
) -> None:
    with new_directory() as directory:
        merger, renderer = Merger(directory, no_damage), ProtobufRenderer()
        for step in steps:
            write_entries(directory, step)
            merged = merger.merge()
            body = renderer.render(merged, [])
            assert body == ProtobufRenderer().render(merged, [])
            shown, expected = samples_in(decode(body)), in_merge(merged)
            for key, value in expected.items():
                wanted = value
                if key[0].startswith("summary") and key[0].endswith("_count"):
                    wanted = as_summary_count(value)
                assert same(shown[key], wanted), key
            # A child with nothing but a sum has the count 0 here: the schema has no absence.
            others = {key: shown[key] for key in shown.keys() - expected.keys()}
            assert all(name.endswith("_count") for name, _ in others)
            assert not any(others.values())


def test_families_have_their_type_help_and_name(tmp_path: Path) -> None:
    write_entries(
        tmp_path,
        [
            Entry("counter_web-0.db", "c", "c_total", (("a", "b"),), 3.0, 0.0),
            Entry("gauge_livesum_web-0.db", "g", "g", (), math.nan, 0.0),
            Entry("histogram_web-0.db", "h", "h_bucket", (("le", "+Inf"),), 2.0, 0.0),
            Entry("histogram_web-0.db", "h", "h_sum", (), 0.5, 0.0),
            Entry("summary_web-0.db", "s", "s_count", (), 4.0, 0.0),
        ],
    )
    families = render(merged_entries(tmp_path))
    assert [(family["name"], TYPES[family["type"]]) for family in families] == [
        ("c_total", "counter"),
        ("g", "gauge"),
        ("h", "histogram"),
        ("s", "summary"),
    ]
    assert {family["help"] for family in families} == {"Help."}
    assert labels_of(families[0]["metric"][0]) == {"a": "b"}
    assert math.isnan(families[1]["metric"][0]["gauge"]["value"])
    assert histogram_of(families[2:3]) == {
        "sample_count": 2,
        "sample_sum": 0.5,
        "bucket": [{"cumulative_count": 2, "upper_bound": math.inf}],
    }


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, len(BOUNDS) - 1) | st.integers(100, 120), st.integers(0, 2**40), max_size=40
    )
)
def test_the_fine_histogram_is_a_native_one_of_schema_4(filled: dict[int, int]) -> None:
    counts = {bound: float(filled.get(place, 0)) for place, bound in enumerate(BOUNDS)}
    with new_directory() as directory:
        merged = merged_histogram(directory, counts)
        families = render(merged)
        histogram = histogram_of(families)
        assert samples_in(families) == in_merge(merged)  # the classic buckets stay
    assert histogram["sample_count"] == sum(filled.values())
    assert histogram["schema"] == 4
    assert histogram["zero_threshold"] == 2.0**-14
    assert histogram["zero_count"] == filled.get(0, 0)
    native = native_counts(histogram)
    for index, count in native.items():
        assert filled.get(index - FIRST_INDEX, 0) == count
    assert sum(native.values()) + histogram["zero_count"] == histogram["sample_count"]


def test_a_native_bucket_ends_where_the_classic_one_does(tmp_path: Path) -> None:
    counts = {bound: float(place + 1) for place, bound in enumerate(BOUNDS)}
    native = native_counts(histogram_of(render(merged_histogram(tmp_path, counts))))
    for bound in HIGHR_BOUNDS[1:]:
        index = round(math.log2(bound) * 16)
        assert 2 ** (index / 16) == pytest.approx(bound, rel=1e-15)
        assert native[index] == counts[bound]
    assert native[7 * 16 + 1] == counts[math.inf]


def test_spans_bridge_gaps_of_two_and_not_of_three(tmp_path: Path) -> None:
    filled = {5: 1.0, 8: 4.0, 12: 2.0}
    counts = {bound: filled.get(place, 0.0) for place, bound in enumerate(BOUNDS)}
    histogram = histogram_of(render(merged_histogram(tmp_path, counts)))
    assert histogram["positive_span"] == [
        {"offset": FIRST_INDEX + 5, "length": 4},
        {"offset": 3, "length": 1},
    ]
    assert histogram["positive_delta"] == [1, -1, 0, 4, -2]


def test_a_fine_histogram_without_observations_is_native_too(tmp_path: Path) -> None:
    histogram = histogram_of(render(merged_histogram(tmp_path, dict.fromkeys(BOUNDS, 0.0))))
    assert (histogram["schema"], histogram["zero_threshold"]) == (4, 2.0**-14)
    assert "positive_span" not in histogram


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("another_seconds", BOUNDS),
        (NATIVE_FAMILY, BOUNDS[1:]),
        (NATIVE_FAMILY, (*BOUNDS[:5], *BOUNDS[6:])),
        (NATIVE_FAMILY, (*BOUNDS[:-2], 127.5, math.inf)),
    ],
)
def test_only_that_family_with_exactly_those_bounds_is_native(
    tmp_path: Path, name: str, bounds: tuple[float, ...]
) -> None:
    merged = merged_histogram(tmp_path, dict.fromkeys(bounds, 1.0), name)
    histogram = histogram_of(render(merged))
    assert len(histogram["bucket"]) == len(bounds)
    assert "schema" not in histogram


@pytest.mark.parametrize("odd", [0.5, -1.0, math.nan, math.inf, -math.inf, 1e300, 2.0**64])
def test_counts_that_are_none_are_shown_as_they_are_and_not_native(
    tmp_path: Path, odd: float
) -> None:
    merged = merged_histogram(tmp_path, dict.fromkeys(BOUNDS, 0.0) | {HIGHR_BOUNDS[20]: odd})
    families = render(merged)
    assert "schema" not in histogram_of(families)
    shown = samples_in(families)
    for key, value in in_merge(merged).items():
        assert same(shown[key], value), key


def bucket_exemplars(families: list[Message]) -> dict[float, Message]:
    return {
        bucket["upper_bound"]: bucket["exemplar"]
        for bucket in histogram_of(families)["bucket"]
        if "exemplar" in bucket
    }


def test_an_exemplar_is_on_its_bucket_and_only_while_it_is_given(tmp_path: Path) -> None:
    merged = merged_histogram(tmp_path, {1.0: 3.0, math.inf: 1.0}, "h")
    renderer = ProtobufRenderer()
    plain = renderer.render(merged, [])
    exemplars: Exemplars = {
        ("h_bucket", (("le", "1.0"),)): Exemplar({"trace_id": "äb"}, 0.75, 1700000000.25),
        ("h_bucket", (("le", "9.0"),)): Exemplar({"trace_id": "of no bucket"}, 0.75, 1.0),
    }
    assert bucket_exemplars(decode(renderer.render(merged, [], exemplars=exemplars))) == {
        1.0: {
            "label": [{"name": "trace_id", "value": "äb"}],
            "value": 0.75,
            "timestamp": {"seconds": 1700000000, "nanos": 250000000},
        }
    }
    assert renderer.render(merged, []) == plain


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (None, None),
        (Timestamp(12, 34), {"seconds": 12, "nanos": 34}),
        (-0.5, {"seconds": -1, "nanos": 500000000}),
        (math.nan, None),
        (math.inf, None),
        (1e300, None),
        (Timestamp(10**15, 0), None),
    ],
)
def test_an_exemplar_has_the_time_that_can_be_said(
    tmp_path: Path, moment: float | Timestamp | None, shown: Message | None
) -> None:
    merged = merged_histogram(tmp_path, {math.inf: 1.0}, "h")
    exemplars: Exemplars = {("h_bucket", (("le", "+Inf"),)): Exemplar({}, math.inf, moment)}
    body = ProtobufRenderer().render(merged, [], exemplars=exemplars)
    assert bucket_exemplars(decode(body))[math.inf].get("timestamp") == shown


def every_kind() -> list[Metric]:
    counter = CounterMetricFamily("c", "Help.", labels=["a"], unit="")
    counter.add_metric(["x"], 3, created=1.5)
    histogram = HistogramMetricFamily("h", "Help.", labels=["a"])
    histogram.add_metric(["x"], [("1.0", 1), ("2.5", 1.5), ("+Inf", 4)], 7.5)
    histogram.add_metric(["y"], [("+Inf", 2)], None)
    gauge_histogram = GaugeHistogramMetricFamily("gh", "Help.")
    gauge_histogram.add_metric([], [("1.0", 1), ("+Inf", 4)], -7.5)
    summary = SummaryMetricFamily("s", "Help.", count_value=4, sum_value=2.5)
    summary.add_sample("s", {"quantile": "0.5"}, 0.25)
    info = InfoMetricFamily("i", "Help.", {"version": "1"})
    states = StateSetMetricFamily("st", "Help.", {"on": True, "off": False})
    return [
        counter,
        GaugeMetricFamily("g", "Help.", -math.inf),
        histogram,
        gauge_histogram,
        summary,
        info,
        states,
        UnknownMetricFamily("u", "Help.", 8.5),
    ]


def test_families_beside_the_merge_keep_every_sample(tmp_path: Path) -> None:
    metrics = every_kind()
    shown, expected = samples_in(render(merged_entries(tmp_path), *metrics)), samples_of(metrics)
    assert {key: shown[key] for key in expected} == expected
    # prometheus-client leaves out the count where there is no sum; the schema always has one.
    others = {key: shown[key] for key in shown.keys() - expected.keys()}
    assert others == {("h_count", (("a", "y"),)): 2.0}


def test_families_beside_the_merge_have_a_type_that_prometheus_knows(tmp_path: Path) -> None:
    families = render(merged_entries(tmp_path), *every_kind())
    assert {family["name"]: TYPES[family["type"]] for family in families} == {
        "c_total": "counter",
        "c_created": "gauge",
        "g": "gauge",
        "h": "histogram",
        "gh_bucket": "gauge",
        "gh_gcount": "gauge",
        "gh_gsum": "gauge",
        "s": "summary",
        "i_info": "gauge",
        "st": "gauge",
        "u": "untyped",
    }


def test_a_bucket_whose_bound_is_no_number_costs_only_itself(tmp_path: Path) -> None:
    metric = Metric("h", "Help.", "histogram")
    for bound in ("1.0", "much", "NaN", "+Inf"):
        metric.add_sample("h_bucket", {"le": bound}, 2.0)
    metric.add_sample("h_bucket", {}, 2.0)
    families = render(merged_entries(tmp_path), metric)
    assert len(histogram_of(families[:1])["bucket"]) == 2
    assert [(family["name"], TYPES[family["type"]]) for family in families[1:]] == [
        ("h_bucket", "gauge")
    ]
    assert len(families[1]["metric"]) == 3


def test_a_unit_is_shown_where_the_name_ends_in_it(tmp_path: Path) -> None:
    counter = CounterMetricFamily("busy_seconds", "Help.", labels=[], unit="seconds")
    counter.add_metric([], 1.0, created=2.0)
    gauge = GaugeMetricFamily("size", "Help.", 1.0, unit="bytes")
    families = render(merged_entries(tmp_path), counter, gauge)
    assert {family["name"]: family.get("unit") for family in families} == {
        "busy_seconds_total": "seconds",
        "busy_seconds_created": None,
        "size_bytes": "bytes",
    }


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ((), {"h", "g", "c_total"}),
        (("h",), {"h"}),
        (("h_bucket", "g"), {"h", "g"}),
        (("c",), {"c_total"}),
        (("c_total",), {"c_total"}),
        (("h_total",), set()),
    ],
)
def test_names_choose_families_by_their_name_or_a_samples(
    tmp_path: Path, names: tuple[str, ...], shown: set[str]
) -> None:
    merged = merged_histogram(tmp_path, {math.inf: 1.0}, "h")
    extra = (GaugeMetricFamily("g", "", 1.0), CounterMetricFamily("c", "", 1.0))
    assert {family["name"] for family in render(merged, *extra, names=names)} == shown


def test_what_utf8_cannot_hold_costs_only_its_characters(tmp_path: Path) -> None:
    write_entries(
        tmp_path, [Entry("counter_web-0.db", "c", "c_total", (("a", "x\ud800é"),), 1.0, 0.0)]
    )
    (family,) = render(merged_entries(tmp_path))
    assert labels_of(family["metric"][0]) == {"a": "x?é"}
