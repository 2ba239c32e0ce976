"""Values of any kind in files of any owner, as prometheus-client writes them."""

import math
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from tests.unit.storage.files import StockFile

MODES = ("all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent")
OWNERS = ("web-0", "web-1", "celery-0", "12345")

label_values = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"]) | st.sampled_from('"\\\n {}=,'),
    max_size=8,
)
numbers = st.floats(allow_nan=True, allow_infinity=True)
counts = st.integers(0, 2**40).map(float)


@dataclass(frozen=True)
class Entry:
    """One value in one file."""

    file: str
    family: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    value: float
    timestamp: float


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    owner = draw(st.sampled_from(OWNERS))
    number = draw(st.integers(0, 2))
    labels = draw(
        st.dictionaries(st.sampled_from(["method", "route", "zone"]), label_values, max_size=2)
    )
    kind = draw(st.sampled_from(["counter", "gauge", "histogram", "summary"]))
    family, sample, value, timestamp, prefix = f"{kind}{number}", "", 0.0, 0.0, kind
    if kind == "gauge":
        mode = draw(st.sampled_from(MODES))
        family = sample = f"gauge_{mode}{number}"
        prefix = f"gauge_{mode}"
        value, timestamp = draw(numbers), draw(st.sampled_from([0.0, 1.5, 2.5, 1e9]))
    elif kind == "counter":
        sample, value = f"{family}_total", draw(numbers)
    elif kind == "summary":
        sample, value = family + draw(st.sampled_from(["_sum", "_count"])), draw(numbers)
    elif draw(st.booleans()):
        sample, value = f"{family}_sum", draw(numbers)
    else:
        bound = draw(st.sampled_from([0.1, 0.5, 1.0, 2.5, 100.0, math.inf]))
        labels["le"] = floatToGoString(bound)
        sample, value = f"{family}_bucket", draw(counts)
    return Entry(f"{prefix}_{owner}.db", family, sample, tuple(labels.items()), value, timestamp)


def write_entries(directory: Path, given_entries: list[Entry]) -> None:
    files: dict[str, StockFile] = {}
    for entry in given_entries:
        if entry.file not in files:
            files[entry.file] = StockFile(directory, entry.file)
        files[entry.file].write(
            entry.family, entry.sample, dict(entry.labels), entry.value, entry.timestamp
        )
    for file in files.values():
        file.close()


def no_damage() -> None:
    """To give a Merger that must find no file damaged."""
    raise AssertionError("a sound file was called damaged")
