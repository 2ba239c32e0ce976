"""A clock that can be put forward and back for some processes, by libfaketime."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SteppedClock:
    """Processes with `environment` see the wall clock plus `offset`; durations stay true."""

    path: Path
    library: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.path),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).with_name("faketime_site")),
        }

    def step(self, seconds: int) -> None:
        """So far from the true time, within a second."""
        draft = self.path.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self.path)


@contextlib.contextmanager
def stepped_clock(work: Path) -> Iterator[SteppedClock]:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "faketime is not installed: run `make test`, which installs it"
    clock = SteppedClock(work / "clock", found[0])
    clock.step(0)
    yield clock
