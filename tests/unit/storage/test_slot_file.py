"""A slot's file is continued exactly; a damaged one is set aside and its sound entries go on."""

import os
import struct
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.storage.slot_file import open_slot_file


def key(number: int) -> str:
    return f'["family", "family_total", {{"n": "{number}"}}, "Help."]'


def write(path: Path, count: int) -> None:
    file = open_slot_file(path)
    for number in range(count):
        file.append(key(number), float(number))
    file.forget()


def read(path: Path, count: int) -> tuple[dict[int, float], str | None]:
    file = open_slot_file(path)
    assert file.cells is not None
    found = {}
    for number in range(count):
        position = file.position(key(number))
        if position is not None:
            found[number] = file.cells[position]
    damage = file.damage
    file.forget()
    return found, damage


def test_a_file_that_is_opened_again_continues_its_values(tmp_path: Path) -> None:
    path = tmp_path / "counter_web-0.db"
    write(path, 2000)
    assert read(path, 2000) == ({number: float(number) for number in range(2000)}, None)


def test_every_byte_is_reserved(tmp_path: Path) -> None:
    """A hole would be a SIGBUS at the first write to it on a full disk."""
    path = tmp_path / "counter_web-0.db"
    for count in (1, 300, 3000):
        write(path, count)
        status = path.stat()
        assert status.st_blocks * 512 >= status.st_size


def test_a_file_whose_writer_died_at_once_is_used(tmp_path: Path) -> None:
    path = tmp_path / "counter_web-0.db"
    for content in (b"", bytes(4096)):
        path.write_bytes(content)
        write(path, 1)
        assert read(path, 1) == ({0: 0.0}, None)
        path.unlink()


def test_a_truncated_file_keeps_its_sound_entries(tmp_path: Path) -> None:
    path = tmp_path / "counter_web-0.db"
    write(path, 100)
    os.truncate(path, 2000)
    found, damage = read(path, 100)
    assert found == {number: float(number) for number in range(len(found))}
    assert 0 < len(found) < 100
    assert damage is not None
    assert "2000" in damage
    assert (tmp_path / "counter_web-0.db.damaged").exists()
    assert read(path, 100) == (found, None)


def test_the_number_of_files_set_aside_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "counter_web-0.db"
    for _ in range(5):
        path.write_bytes(struct.pack("i", -1) + b"garbage" * 100)
        read(path, 1)
    assert sorted(item.name for item in tmp_path.iterdir()) == [
        "counter_web-0.db",
        "counter_web-0.db.damaged",
    ]


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_no_bytes_keep_a_process_from_its_file(garbage: bytes, start: int) -> None:
    path = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / "counter_fuzz-0.db"
    path.unlink(missing_ok=True)
    write(path, 15)
    content = bytearray(path.read_bytes())
    content[start : start + len(garbage)] = garbage
    path.write_bytes(content)
    file = open_slot_file(path)
    index = file.append(key(999), 7.0)
    assert file.cells is not None
    assert file.cells[index] == 7.0
    file.forget()
    assert read(path, 1000)[0][999] == 7.0
