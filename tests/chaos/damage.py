"""Files in the metrics directory that nobody could have written."""

import json
import random
import struct
from pathlib import Path

_PREFIXES = ("counter", "histogram", "gauge_livesum", "gauge_mostrecent", "summary", "nonsense")


def damage(directory: Path, chance: random.Random) -> None:
    """Some files of slots that no process reaches, and one of those that processes share."""
    for _ in range(chance.randint(1, 3)):
        owner = f"web-{chance.randint(90, 99)}"
        path = directory / f"{chance.choice(_PREFIXES)}_{owner}.db"
        path.write_bytes(_content(chance))
    shared = sorted(
        path
        for path in directory.iterdir()
        if path.is_file() and path.suffix not in (".db", ".lock") and path.stat().st_size
    )
    if shared:
        path = chance.choice(shared)
        draft = path.with_suffix(".chaos")
        draft.write_bytes(chance.randbytes(path.stat().st_size))
        draft.replace(path)


def _content(chance: random.Random) -> bytes:
    key = json.dumps(["chaos_total", "chaos_total", {"a": "b"}, "Help."]).encode()
    entry = struct.pack("<i", len(key)) + key + b" " * (8 - (len(key) + 4) % 8)
    whole = entry + struct.pack("<dd", 1.0, 0.0)
    return chance.choice(
        (
            b"",
            b"\x00",
            chance.randbytes(chance.randint(1, 5000)),
            struct.pack("<ii", 1 << 30, 0) + whole,  # says more than there is
            struct.pack("<ii", -8, 0) + whole,
            struct.pack("<ii", 8 + len(whole), 0) + whole[:-5],  # torn in the last entry
            struct.pack("<ii", 4096, 0) + struct.pack("<i", 1 << 20) + b"\x00" * 4084,
            struct.pack("<ii", 8 + len(whole), 0) + whole.replace(b'["', b"{{", 1),
        )
    )
