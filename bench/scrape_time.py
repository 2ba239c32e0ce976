"""Measures a scrape's cost against prometheus-client's (see bench/README.md)."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scrape_files import Workers
from bench.scrape_reader import OURS, STOCK

SIZES = ((4, 2_000), (32, 4_000), (100, 10_000))
_READERS = (STOCK, OURS)
_CHANGED_SHARE = 0.1
_RECYCLE_WORKERS = 4


@dataclass
class Figures:
    """One reader's figures: seconds of each import and scrape, resident bytes at the end."""

    imports: list[float] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    resident_bytes: int = 0


class Reader:
    """A reader's process."""

    def __init__(self, name: str, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.scrape_reader", name, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.import_seconds: float = self._read()["import_seconds"]

    def scrape(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a reader died (see above)")
        return dict(json.loads(line))


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    print(_heading(), flush=True)
    for workers, lines in SIZES[: options.sizes]:
        with _directory() as directory:
            site = Workers(directory, workers, lines)
            figures = _measure(site, directory, options.rounds)
        for name in _READERS:
            print(_row(f"{workers}, {lines:,}", name, figures), flush=True)
    print()
    for recycled in recycle(options.recycles):
        print(recycled)


def _measure(site: Workers, directory: Path, rounds: int) -> dict[str, Figures]:
    """Rounds of one cold and some warm scrapes, the two readers in turn."""
    figures = {name: Figures() for name in _READERS}
    for number in range(rounds):
        order = _READERS if number % 2 else _READERS[::-1]
        readers = {name: Reader(name, directory) for name in order}
        for name in order:
            figures[name].imports.append(readers[name].import_seconds)
            figures[name].cold.append(readers[name].scrape()["seconds"])
        for _ in range(3):
            site.work(_CHANGED_SHARE)
            for name in order:
                figures[name].warm.append(readers[name].scrape()["seconds"])
            for name in order:
                answer = readers[name].scrape()
                figures[name].idle.append(answer["seconds"])
                figures[name].resident_bytes = answer["resident_bytes"]
        for reader in readers.values():
            reader.end()
    return figures


@dataclass(frozen=True, slots=True)
class Recycled:
    """A directory before and after `count` workers wrote and were killed, four at a time."""

    reader: str
    count: int
    files: tuple[int, int]
    scrape_seconds: tuple[float, float]  # medians

    def __str__(self) -> str:
        before, after = (f"{1000 * seconds:.2f} ms" for seconds in self.scrape_seconds)
        return (
            f"{self.reader}: {self.count:,} workers recycled: {self.files[0]} files before, "
            f"{self.files[1]} after; a scrape took {before} before, {after} after."
        )


def recycle(count: int) -> Iterator[Recycled]:
    """Recycle `count` workers for each reader, with the value class that belongs to it."""
    for name in _READERS:
        with _directory() as directory:
            reader = Reader(name, directory)
            files, seconds = [], []
            for workers in (_RECYCLE_WORKERS, count):
                _live_and_die(name, directory, workers)
                reader.scrape()
                seconds.append(statistics.median(reader.scrape()["seconds"] for _ in range(10)))
                files.append(len(list(directory.iterdir())))
            reader.end()
        yield Recycled(name, count, (files[0], files[1]), (seconds[0], seconds[1]))


_RECYCLED = """
import os, signal, sys
if sys.argv[3] == "ours":
    from monitoring import storage
    storage.install("web", sys.argv[1])
from prometheus_client import Counter, Histogram
served = Counter("served_total", "Requests.", ["route"])
took = Histogram("took_seconds", "Time.", ["route"])
for number in range(int(sys.argv[2])):
    if os.fork() == 0:
        for route in range(50):
            served.labels(route).inc()
            took.labels(route).observe(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    if number % 4 == 3:  # four live at a time
        for _ in range(4):
            os.wait()
"""


def _live_and_die(name: str, directory: Path, count: int) -> None:
    subprocess.run(
        [sys.executable, "-c", _RECYCLED, str(directory), str(count), name],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        check=True,
    )


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="bench-scrape-", dir="/dev/shm"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _heading() -> str:
    return (
        f"Load average {os.getloadavg()[0]:.1f}; {_CHANGED_SHARE:.0%} of all values change between"
        " two warm scrapes.\n\n"
        "| workers, lines each | reader | imports s | cold ms | warm ms | idle ms | memory MiB |"
        " cold, warm, idle: stock over this |\n"
        "|---|---|---:|---:|---:|---:|---:|---|"
    )


def _row(size: str, name: str, figures: dict[str, Figures]) -> str:
    mine, stock = figures[name], figures[STOCK]
    median = statistics.median
    times = [f"{1000 * median(series):,.1f}" for series in (mine.cold, mine.warm, mine.idle)]
    ratios = ", ".join(
        f"{median(theirs) / median(ours):,.1f}"
        for theirs, ours in (
            (stock.cold, mine.cold),
            (stock.warm, mine.warm),
            (stock.idle, mine.idle),
        )
    )
    cells = [
        size,
        name,
        f"{median(mine.imports):.2f}",
        *times,
        f"{mine.resident_bytes / 2**20:,.0f}",
        "" if name == STOCK else ratios,
    ]
    return f"| {' | '.join(cells)} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.scrape_time", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of new processes (default 3)")
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many of the sizes")
    parser.add_argument("--recycles", type=int, default=1000, help="workers that come and go")
    return parser


if __name__ == "__main__":
    main()
