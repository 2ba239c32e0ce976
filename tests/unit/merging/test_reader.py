"""The reader notices every change of the directory; damage costs only what is damaged."""

import os
import random
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.merging.merge import Merged, Merger
from monitoring.storage.format import HEADER_BYTES, pack_used, scan_entries
from monitoring.storage.slot_file import open_slot_file
from tests.unit.conftest import RunPython
from tests.unit.storage.files import StockFile


class Damage:
    """Counts the reports of damage."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def write(directory: Path, name: str, values: dict[str, float]) -> None:
    file = StockFile(directory, name)
    for label, value in values.items():
        file.write("c", "c_total", {"label": label}, value)
    file.close()


def totals(merged: Merged) -> dict[str, float]:
    return {dict(line.labels)["label"]: value for line, value in merged.samples("c")}


def test_new_values_entries_files_and_growth_are_seen(tmp_path: Path) -> None:
    merger = Merger(tmp_path, Damage())
    assert totals(merger.merge()) == {}
    write(tmp_path, "counter_1.db", {"a": 1})
    assert totals(merger.merge()) == {"a": 1}
    write(tmp_path, "counter_1.db", {"a": 2, "b": 5})
    write(tmp_path, "counter_2.db", {"a": 10})
    assert totals(merger.merge()) == {"a": 12, "b": 5}
    many = {f"x{number}": float(number) for number in range(5000)}  # more than the first mapping
    write(tmp_path, "counter_2.db", many)
    assert totals(merger.merge()) == {"a": 12, "b": 5, **many}


def test_deleted_replaced_and_truncated_files_are_noticed(tmp_path: Path) -> None:
    damage = Damage()
    merger = Merger(tmp_path, damage)
    write(tmp_path, "counter_1.db", {"a": 1, "b": 2})
    write(tmp_path, "counter_2.db", {"a": 10})
    assert totals(merger.merge()) == {"a": 11, "b": 2}
    (tmp_path / "counter_2.db").unlink()
    assert totals(merger.merge()) == {"a": 1, "b": 2}
    (tmp_path / "counter_1.db").unlink()
    write(tmp_path, "counter_1.db", {"a": 4})
    assert totals(merger.merge()) == {"a": 4}
    assert damage.count == 0
    os.truncate(tmp_path / "counter_1.db", 100)
    assert totals(merger.merge()) == {}
    assert damage.count == 1


def test_a_directory_that_vanishes_is_empty_and_may_come_back(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    directory.mkdir()
    merger = Merger(directory, Damage())
    write(directory, "counter_1.db", {"a": 1})
    merger.merge()
    (directory / "counter_1.db").unlink()
    directory.rmdir()
    assert totals(merger.merge()) == {}
    directory.mkdir()
    write(directory, "counter_1.db", {"a": 3})
    assert totals(merger.merge()) == {"a": 3}


def test_a_file_just_created_by_a_stock_writer_is_empty_not_damaged(tmp_path: Path) -> None:
    damage = Damage()
    merger = Merger(tmp_path, damage)
    (tmp_path / "counter_1.db").touch()
    merged = merger.merge()
    assert (merged.empty, merged.damaged, damage.count) == (1, 0, 0)
    write(tmp_path, "counter_1.db", {"a": 1})
    assert totals(merger.merge()) == {"a": 1}


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    for name in ("web-0.lock", "counter_1.db.damaged", "counter_1.tmp", "notes.db", "gauge_1.db"):
        (tmp_path / name).write_bytes(b"\xff" * 100)
    damage = Damage()
    assert Merger(tmp_path, damage).merge().files == 0
    assert damage.count == 0


def test_a_damaged_file_is_counted_once_and_the_rest_is_served(tmp_path: Path) -> None:
    write(tmp_path, "counter_1.db", {"a": 1, "b": 2, "c": 3})
    write(tmp_path, "counter_2.db", {"a": 10})
    path = tmp_path / "counter_1.db"
    second = scan_entries(path.read_bytes(), HEADER_BYTES, 400).entries[0][1] + 16
    with path.open("r+b") as file:
        file.seek(second)
        file.write(struct.pack("i", 1_000_000))
    damage = Damage()
    merger = Merger(tmp_path, damage)
    for _ in range(3):
        merged = merger.merge()
        assert totals(merged) == {"a": 11}
        assert merged.damaged == 1
    assert damage.count == 1


def test_an_entry_with_a_damaged_key_costs_only_itself(tmp_path: Path) -> None:
    write(tmp_path, "counter_1.db", {"aaaa": 1, "bbbb": 2, "cccc": 3})
    path = tmp_path / "counter_1.db"
    path.write_bytes(path.read_bytes().replace(b'"bbbb"', b'"\xff\xfebb"'))
    damage = Damage()
    merger = Merger(tmp_path, damage)
    assert totals(merger.merge()) == {"aaaa": 1, "cccc": 3}
    assert damage.count == 1


@pytest.mark.needs("signals")
def test_a_dead_process_is_not_in_the_live_gauges_any_more(
    run_python: RunPython, metrics_directory: Path
) -> None:
    run_python(
        "Gauge('busy', 'B.', multiprocess_mode='livesum').inc()\n"
        "Gauge('peak', 'P.', multiprocess_mode='max').set(3)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    merged = Merger(metrics_directory, Damage()).merge()
    assert [value for _, value in merged.samples("peak")] == [3]
    assert list(merged.samples("busy")) == []


@pytest.mark.needs("pipes")
def test_what_is_no_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    write(tmp_path, "counter_1.db", {"a": 1})
    os.mkfifo(tmp_path / "counter_2.db")
    (tmp_path / "counter_3.db").mkdir()
    (tmp_path / "counter_4.db").symlink_to(tmp_path / "counter_1.db")
    os.mkfifo(tmp_path / "web-0.lock")
    write(tmp_path, "gauge_livesum_web-0.db", {"g": 1})
    merged = Merger(tmp_path, Damage()).merge()
    assert (merged.damaged, merged.files) == (3, 1)


@pytest.mark.parametrize("used", [-1, 1, 7, 10**6])
def test_an_impossible_header_hides_no_sound_entry(used: int, tmp_path: Path) -> None:
    write(tmp_path, "counter_1.db", {"a": 1, "b": 2})
    path = tmp_path / "counter_1.db"
    path.write_bytes(pack_used(used) + path.read_bytes()[4:4096])
    merged = Merger(tmp_path, Damage()).merge()
    assert sorted(merged.values) == [1, 2]
    assert merged.damaged == 1
    file = open_slot_file(path)
    assert file.damage is not None
    assert len(file._positions) == 2


def sound_file() -> bytes:
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    write(directory, "counter_fuzz.db", {f"label{number}": number for number in range(20)})
    content = (directory / "counter_fuzz.db").read_bytes()
    (directory / "counter_fuzz.db").unlink()
    return content[:4096]


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.binary(max_size=64), st.integers(0, 4096))
def test_no_bytes_make_the_reader_fail(chance: random.Random, garbage: bytes, length: int) -> None:
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "fuzz"
    directory.mkdir(exist_ok=True)
    content = bytearray(sound_file())
    for _ in range(chance.randint(0, 6)):
        start = chance.choice([0, 8, chance.randrange(len(content))])
        content[start : start + len(garbage)] = garbage
    for name in ("counter_1.db", "histogram_1.db", "gauge_mostrecent_1.db"):
        (directory / name).write_bytes(content[:length] if chance.random() < 0.5 else content)
    merger = Merger(directory, Damage())
    for _ in range(2):
        merged = merger.merge()
        assert len(merged.values) <= 4096


@pytest.mark.needs("moves")
@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_nothing_done_to_a_file_between_two_scrapes_makes_the_reader_fail(
    chance: random.Random,
) -> None:
    """Cut short, replaced, deleted, overwritten, grown with garbage: while it is mapped."""
    directory = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "fuzz-changes"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    sound = sound_file()
    path = directory / "counter_1.db"
    path.write_bytes(sound)
    merger = Merger(directory, Damage())
    for _ in range(8):
        match chance.randrange(6):
            case 0:
                path.unlink(missing_ok=True)
            case 1:
                path.unlink(missing_ok=True)
                path.write_bytes(sound)
            case 2 if path.exists():
                os.truncate(path, chance.choice([0, 3, 8, 100, 4096, 9000]))
            case 3 if path.exists():
                with path.open("r+b") as file:
                    file.seek(chance.choice([0, 8, chance.randrange(4096)]))
                    file.write(chance.randbytes(chance.randint(1, 64)))
            case 4 if path.exists():
                with path.open("ab") as file:
                    file.write(chance.randbytes(chance.randint(1, 9000)))
            case 5:
                shutil.rmtree(directory)
                directory.mkdir()
        assert len(merger.merge().values) <= 4096
    path.unlink(missing_ok=True)
    path.write_bytes(sound)
    assert len(merger.merge().values) == 20
