"""The fine files of all slots add up, row by row, whatever state the files are in."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.merging.fine_reader import FineReader
from monitoring.storage.fine_file import COUNTS, LAYOUT, ROW_BYTES, ROWS_AT, FineFile
from monitoring.storage.format import FINE, file_path, pack_used
from monitoring.storage.slot_file import open_slot_file


class Slot:
    """A slot's fine file, written as its owner writes it."""

    def __init__(self, directory: Path, name: str) -> None:
        self.path = file_path(directory, FINE, name)
        self._file = open_slot_file(self.path, FineFile)

    def count(self, route: str, bucket: int, times: float = 1.0, method: str = "GET") -> None:
        key = json.dumps([method, route])
        index = self._file.position(key)
        if index is None:
            index = self._file.append(key)
        assert self._file.cells is not None
        self._file.cells[index + bucket] += times

    def close(self) -> None:
        self._file.forget()


class Found:
    """A reader, and how many damaged files it has found."""

    def __init__(self, directory: Path) -> None:
        self.damaged = 0
        self._reader = FineReader(directory, self._count)

    def _count(self) -> None:
        self.damaged += 1

    def read(self) -> dict[tuple[str, str], dict[int, float]]:
        """The counts that are not 0, by route and bucket."""
        fine = self._reader.read()
        return {
            endpoint: {int(bucket): float(row[bucket]) for bucket in np.flatnonzero(row)}
            for endpoint, row in zip(fine.endpoints, fine.counts, strict=True)
        }

    @property
    def endpoints(self) -> tuple[tuple[str, str], ...]:
        return self._reader.read().endpoints


def test_the_slots_add_up_whatever_the_order_of_their_rows(tmp_path: Path) -> None:
    first, second = Slot(tmp_path, "web-0"), Slot(tmp_path, "web-1")
    for slot, routes in ((first, "abc"), (second, "cxba")):
        for number, route in enumerate(routes):
            slot.count(f"/{route}/", number, number + 1.0)
    assert Found(tmp_path).read() == {
        ("GET", "/a/"): {0: 1.0, 3: 4.0},
        ("GET", "/b/"): {1: 2.0, 2: 3.0},
        ("GET", "/c/"): {2: 3.0, 0: 1.0},
        ("GET", "/x/"): {1: 2.0},
    }


def test_new_counts_and_new_rows_are_seen_and_the_endpoints_stay_the_same_object(
    tmp_path: Path,
) -> None:
    slot, found = Slot(tmp_path, "web-0"), Found(tmp_path)
    slot.count("/a/", 1)
    before = found.endpoints
    slot.count("/a/", 337)
    assert found.read() == {("GET", "/a/"): {1: 1.0, 337: 1.0}}
    assert found.endpoints is before
    slot.count("/a/", 1, method="POST")
    assert found.read()["POST", "/a/"] == {1: 1.0}
    assert found.endpoints == (*before, ("POST", "/a/"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["/a/", "/b/", f"/{'long' * 50}/", f"/{'longer' * 600}/", "/ä/"]),
            st.integers(0, COUNTS - 1),
        ),
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None)
def test_no_count_is_lost_and_none_appears_twice(
    counted: list[tuple[int, str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        found = Found(directory)
        slots: dict[int, Slot] = {}
        expected: dict[tuple[str, str], dict[int, float]] = {}
        for step, (slot, route, bucket) in enumerate(counted):
            if slot not in slots:
                slots[slot] = Slot(directory, f"web-{slot}")
            slots[slot].count(route, bucket)
            row = expected.setdefault(("GET", route), {})
            row[bucket] = row.get(bucket, 0.0) + 1
            if step % 10 == 0:
                assert found.read() == expected
        assert found.read() == Found(directory).read() == expected
        assert found.damaged == 0
        for each in slots.values():
            each.close()


@pytest.mark.needs("moves")
def test_a_file_that_was_replaced_is_learnt_anew(tmp_path: Path) -> None:
    slot, found = Slot(tmp_path, "web-0"), Found(tmp_path)
    slot.count("/a/", 1)
    found.read()
    slot.path.unlink()
    slot.close()
    other = Slot(tmp_path, "web-0")  # perhaps of the same inode
    other.count("/b/", 1, 2.0)
    assert found.read() == {("GET", "/a/"): {}, ("GET", "/b/"): {1: 2.0}}


def test_no_directory_and_no_file_are_no_counts(tmp_path: Path) -> None:
    assert Found(tmp_path).read() == {}
    assert Found(tmp_path / "missing").read() == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\1\2",
        b"garbage!" * 10,
        pack_used(-1) + b"mark" + LAYOUT,
        pack_used(2**31 - 1) + b"mark" + LAYOUT,
    ],
)
def test_a_damaged_file_is_reported_once_and_costs_only_itself(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    Slot(tmp_path, "web-0").count("/a/", 1)
    (file_path(tmp_path, FINE, "web-1")).write_bytes(content)
    found = Found(tmp_path)
    for _ in range(2):
        assert found.read() == {("GET", "/a/"): {1: 1.0}}
    assert found.damaged == 1
    assert "fine_web-1.bin is damaged" in caplog.text


def test_a_file_of_another_version_is_left_to_the_next_owner(tmp_path: Path) -> None:
    (file_path(tmp_path, FINE, "web-0")).write_bytes(pack_used(ROWS_AT) + b"mark" + b"FINEHST9")
    found = Found(tmp_path)
    assert found.read() == {}
    assert found.damaged == 0


def test_a_file_that_is_cut_while_it_is_read_gives_its_whole_rows(tmp_path: Path) -> None:
    slot, found = Slot(tmp_path, "web-0"), Found(tmp_path)
    slot.count("/a/", 1)
    slot.count("/b/", 1)
    slot.close()
    os.truncate(slot.path, ROWS_AT + ROW_BYTES + 100)
    assert found.read() == {("GET", "/a/"): {1: 1.0}}
    assert found.damaged == 1


def test_a_row_that_is_no_endpoint_is_left_out(tmp_path: Path) -> None:
    slot = Slot(tmp_path, "web-0")
    slot._file.append('["only a method"]')
    slot._file.append('["GET", 5]')
    slot.count("/a/", 1)
    found = Found(tmp_path)
    assert found.read() == {("GET", "/a/"): {1: 1.0}}
    assert found.damaged == 1


def test_endpoints_of_files_long_gone_are_forgotten(tmp_path: Path) -> None:
    found = Found(tmp_path)
    for start in range(0, 3000, 500):
        slot = Slot(tmp_path, "web-0")
        for number in range(start, start + 500):
            slot.count(f"/{number}/", 1)
        found.read()
        slot.close()
        slot.path.unlink()
    found.read()
    assert len(found.endpoints) <= 2000


@pytest.mark.needs("rlimits")
def test_without_free_descriptors_nothing_is_read_rather_than_a_part(tmp_path: Path) -> None:
    Slot(tmp_path, "web-0").count("/a/", 1)
    found = Found(tmp_path)
    found.read()
    import resource  # noqa: PLC0415  (Windows has none)

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(tmp_path, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            found.read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found.read() == {("GET", "/a/"): {1: 1.0}}
    assert found.damaged == 0
