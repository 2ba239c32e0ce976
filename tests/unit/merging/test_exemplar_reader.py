"""Exemplars of all slots become one table of a known size, whatever state the files are in."""

import math
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.samples import Exemplar

from monitoring.merging.exemplar_reader import ExemplarReader
from monitoring.merging.layout import Layout
from monitoring.merging.merge import Merger
from monitoring.storage.exemplars import (
    FILE_BYTES,
    HEADER_BYTES,
    MAGIC,
    RECORD_BYTES,
    RECORDS,
    Place,
    Trace,
    bucket_digest,
    decode_record,
    encode_record,
    exemplar_file_name,
    hashed_place,
    open_exemplar_file,
)
from tests.unit.storage.files import StockFile

NOW = 1_800_000_000.0
A, B = Trace(b"\xaa" * 16, b"\x0a" * 8), Trace(b"\xbb" * 16, b"\x0b" * 8)


def labels_of(route: int) -> tuple[tuple[str, str], ...]:
    return ("route", f"/{route}/"), ("le", "+Inf")


def place_of(route: int) -> Place:
    return hashed_place(bucket_digest("h_bucket", labels_of(route)))


def layout_with(directory: Path, routes: int) -> Layout:
    """The layout of a histogram with one bucket for each route."""
    file = StockFile(directory, "histogram_web-0.db")
    for route in range(routes):
        file.write("h", "h_bucket", dict(labels_of(route)), 1.0)
    file.close()
    return Merger(directory, lambda: None).merge().layout


class Slot:
    """A slot's exemplar file, written as its owner writes it."""

    def __init__(self, directory: Path, name: str) -> None:
        self.path = directory / exemplar_file_name(name)
        self._file = open_exemplar_file(self.path)

    def put(self, route: int, trace: Trace, timestamp: float, value: float = 0.5) -> None:
        number, digest = place_of(route)
        self._file.put(number, encode_record(digest, trace, value, timestamp))


class Read:
    """Reads a directory whose histogram has so many routes; counts the damaged files."""

    def __init__(self, directory: Path, routes: int = 1) -> None:
        self.damaged = 0
        self._layout = layout_with(directory, routes)
        self._reader = ExemplarReader(directory, self._count)

    def _count(self) -> None:
        self.damaged += 1

    def __call__(self) -> dict[str, Exemplar]:
        """The exemplars by route."""
        found = self._reader.read(self._layout, NOW)
        return {dict(labels)["route"]: exemplar for (_, labels), exemplar in found.items()}


def traces(found: dict[str, Exemplar]) -> dict[str, str]:
    return {route: exemplar.labels["trace_id"] for route, exemplar in found.items()}


def test_an_exemplar_has_trace_span_value_and_time(metrics_directory: Path) -> None:
    read = Read(metrics_directory)
    Slot(metrics_directory, "web-0").put(0, A, NOW - 1.25, 0.125)
    labels = {"trace_id": "aa" * 16, "span_id": "0a" * 8}
    assert read() == {"/0/": Exemplar(labels, 0.125, NOW - 1.25)}


def test_the_latest_of_all_slots_wins_whatever_their_order(metrics_directory: Path) -> None:
    read = Read(metrics_directory, routes=2)
    first, second = Slot(metrics_directory, "web-0"), Slot(metrics_directory, "celery-10")
    first.put(0, A, NOW - 2)
    second.put(0, B, NOW - 1)
    first.put(1, B, NOW - 1)
    second.put(1, A, NOW - 2)
    assert traces(read()) == {"/0/": B.trace_id.hex(), "/1/": B.trace_id.hex()}
    first.put(0, A, NOW)
    assert traces(read())["/0/"] == A.trace_id.hex()


def test_many_buckets_share_a_table_of_a_known_size(metrics_directory: Path) -> None:
    """And what it shows is what one process would have written."""
    routes = 3000
    read = Read(metrics_directory, routes)
    slots = [Slot(metrics_directory, f"web-{number}") for number in range(3)]
    last_in_place = {}
    for route in range(routes):
        trace = Trace(route.to_bytes(16, "big"), bytes(8)) if route else A
        slots[route % 3].put(route, trace, NOW - routes + route)
        last_in_place[place_of(route).number] = f"/{route}/", trace.trace_id.hex()
    found = read()
    assert traces(found) == dict(last_in_place.values())
    assert 800 < len(found) <= RECORDS
    assert {tuple(exemplar.labels) for exemplar in found.values()} <= {("trace_id",)} | {
        ("trace_id", "span_id")
    }


def test_a_time_far_ahead_does_not_win_for_ever(metrics_directory: Path) -> None:
    """It was written before a clock was set back."""
    read = Read(metrics_directory)
    Slot(metrics_directory, "web-0").put(0, A, NOW + 3600)
    assert read() == {}
    Slot(metrics_directory, "web-1").put(0, B, NOW)
    assert traces(read()) == {"/0/": B.trace_id.hex()}


def test_buckets_that_no_series_has_are_not_shown(metrics_directory: Path) -> None:
    read = Read(metrics_directory, routes=1)
    Slot(metrics_directory, "web-0").put(7, A, NOW)
    assert read() == {}


def test_a_damaged_record_leaves_its_place_to_the_next_slot(metrics_directory: Path) -> None:
    read = Read(metrics_directory)
    Slot(metrics_directory, "web-0").put(0, A, NOW - 1)
    later = Slot(metrics_directory, "web-1")
    later.put(0, B, NOW)
    with later.path.open("r+b") as file:
        file.seek(HEADER_BYTES + place_of(0).number * RECORD_BYTES + 20)
        file.write(b"?")
    assert traces(read()) == {"/0/": A.trace_id.hex()}
    assert read.damaged == 0  # as one that is being written


@pytest.mark.needs("moves")
def test_files_may_go_shrink_and_come_back_between_reads(metrics_directory: Path) -> None:
    read = Read(metrics_directory, routes=50)
    slot = Slot(metrics_directory, "web-0")
    for route in range(50):
        slot.put(route, A, NOW)
    whole = read()
    with slot.path.open("r+b") as file:
        file.truncate(HEADER_BYTES + 600 * RECORD_BYTES)
    cut = read()
    assert 0 < len(cut) < len(whole)
    assert cut.items() <= whole.items()
    slot.path.unlink()
    assert read() == {}
    Slot(metrics_directory, "web-0").put(0, B, NOW)
    assert traces(read()) == {"/0/": B.trace_id.hex()}
    metrics_directory.rename(metrics_directory.with_name("away"))
    assert read() == {}


def test_a_file_that_is_being_made_is_not_damaged(metrics_directory: Path) -> None:
    read = Read(metrics_directory)
    (metrics_directory / exemplar_file_name("web-0")).touch()
    (metrics_directory / exemplar_file_name("web-1")).write_bytes(bytes(FILE_BYTES))
    assert read() == {}
    assert read.damaged == 0


@pytest.mark.needs("pipes")
@pytest.mark.parametrize("kind", ["text", "cut", "pipe", "directory", "link", "loop"])
def test_what_is_no_exemplar_file_is_counted_once_and_costs_only_itself(
    metrics_directory: Path, kind: str
) -> None:
    read = Read(metrics_directory)
    path = metrics_directory / exemplar_file_name("web-0")
    match kind:
        case "text":
            path.write_text("hello, world")
        case "cut":
            path.write_bytes(MAGIC + b"x")
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to("/etc/hostname")
        case "loop":
            path.symlink_to(path)
    Slot(metrics_directory, "web-1").put(0, A, NOW)
    assert traces(read()) == {"/0/": A.trace_id.hex()}
    assert traces(read()) == {"/0/": A.trace_id.hex()}
    assert read.damaged == 1


records = st.builds(
    encode_record,
    st.binary(min_size=16, max_size=16),
    st.builds(Trace, st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)),
    st.floats(),
    st.floats(),
)


@given(records, st.integers(0, RECORD_BYTES - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(record: bytes, at: int, change: int) -> None:
    damaged = bytearray(record)
    damaged[at] ^= change
    is_padding = at >= RECORD_BYTES - 4
    assert decode_record(bytes(damaged)) == (decode_record(record) if is_padding else None)


@given(records, records, st.integers(0, RECORD_BYTES))
def test_a_record_half_written_over_another_is_neither_or_one_of_both(
    old: bytes, new: bytes, written: int
) -> None:
    found = decode_record(new[:written] + old[written:])
    assert found in (None, decode_record(old), decode_record(new))


@given(
    st.binary(max_size=4 * RECORD_BYTES),
    st.sampled_from([b"", MAGIC, MAGIC + bytes(HEADER_BYTES - len(MAGIC))]),
    st.sampled_from([0, 1, 300, 2000]),
)
def test_any_bytes_are_read_without_an_exception_and_without_an_exemplar(
    data: bytes, start: bytes, times: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        read = Read(Path(directory))
        (Path(directory) / exemplar_file_name("web-0")).write_bytes(start + data * times)
        assert read() == {}


@pytest.mark.needs("moves")
@given(st.floats(), st.floats())
def test_numbers_of_every_kind_are_read_without_an_exception(
    value: float, timestamp: float
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        read = Read(Path(directory))
        Slot(Path(directory), "web-0").put(0, A, timestamp, value)
        shown = math.isfinite(value) and 0 < timestamp <= NOW + 60
        assert bool(read()) == shown
