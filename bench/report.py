"""Turns batches into figures, medians of differences per round, and shows them in a table."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.client import Timing
from bench.variants import BASELINE, CONTROL, RIVAL, VARIANTS

_Round = tuple[int, int]  # launch, round
_Figures = dict[_Round, float]  # µs per request


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch; a round is one batch of each variant, a launch is a set of new processes."""

    handler: str
    case: str
    variant: str
    launch: int
    round: int
    timing: Timing


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles over the rounds; the lowest and highest median of a launch. In µs."""

    median: float
    lower_quartile: float
    upper_quartile: float
    lowest_launch: float
    highest_launch: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request costs by one clock. `added` is None for the baseline; `share` is `added` over
    django-prometheus's, None where that is meaningless."""

    total: Spread
    added: Spread | None
    quiet: float | None  # µs added, from the quietest batches of the variant and of the baseline
    share: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A variant in one case."""

    handler: str
    case: str
    variant: str
    wall: Cost
    cpu: Cost


def summarize(batches: Iterable[Batch]) -> list[Row]:
    """A row for each handler, case and variant, in the order of the cases and of VARIANTS."""
    cases: dict[tuple[str, str], list[Batch]] = {}
    for batch in batches:
        cases.setdefault((batch.handler, batch.case), []).append(batch)
    rows: list[Row] = []
    for (handler, case), case_batches in cases.items():
        wall, cpu = _costs(case_batches, "wall_ns"), _costs(case_batches, "cpu_ns")
        rows += [
            Row(handler, case, name, wall[name], cpu[name]) for name in VARIANTS if name in wall
        ]
    return rows


def _costs(batches: Iterable[Batch], clock: Literal["wall_ns", "cpu_ns"]) -> dict[str, Cost]:
    figures: dict[str, _Figures] = {}
    for batch in batches:
        mean = getattr(batch.timing, clock) / batch.timing.requests / 1000
        figures.setdefault(batch.variant, {})[batch.launch, batch.round] = mean
    baseline = figures[BASELINE]
    added = {
        name: _spread({key: figure - baseline[key] for key, figure in by_round.items()})
        for name, by_round in figures.items()
        if name != BASELINE
    }
    return {
        name: Cost(
            _spread(by_round),
            added.get(name),
            _quiet(by_round) - _quiet(baseline) if name in added else None,
            _share(name, added),
        )
        for name, by_round in figures.items()
    }


def _quiet(figures: _Figures) -> float:
    """The first decile: disturbance can only make a batch longer."""
    ordered = sorted(figures.values())
    return ordered[len(ordered) // 10]


def _share(name: str, added: Mapping[str, Spread]) -> float | None:
    if name in (BASELINE, CONTROL, RIVAL) or RIVAL not in added or added[RIVAL].median <= 0:
        return None
    return added[name].median / added[RIVAL].median


def _spread(figures: _Figures) -> Spread:
    launches: dict[int, list[float]] = {}
    for (launch, _), figure in figures.items():
        launches.setdefault(launch, []).append(figure)
    medians = [statistics.median(values) for values in launches.values()]
    everything = list(figures.values())
    lower = upper = everything[0]
    if len(everything) > 1:
        lower, _, upper = statistics.quantiles(everything, n=4, method="inclusive")
    return Spread(statistics.median(everything), lower, upper, min(medians), max(medians))


_HEAD = (
    "| middleware | µs/request | added wall µs (IQR) | added CPU µs (IQR) "
    "| CPU by launch | CPU, quietest | of django-prometheus: wall, CPU |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)


def table(rows: Sequence[Row]) -> str:
    """Markdown tables, one for each handler and case."""
    parts: list[str] = []
    for handler, case in dict.fromkeys((row.handler, row.case) for row in rows):
        parts.append(f"\n**{handler}, {case}**\n\n{_HEAD}")
        parts += [_line(row) for row in rows if (row.handler, row.case) == (handler, case)]
    return "\n".join(parts).lstrip("\n")


def _line(row: Row) -> str:
    cells = [VARIANTS[row.variant].title, f"{row.wall.total.median:.1f}", "", "", "", "", ""]
    wall, cpu = row.wall, row.cpu
    if wall.added is not None and cpu.added is not None:
        cells[2:6] = [
            _with_quartiles(wall.added),
            _with_quartiles(cpu.added),
            f"{cpu.added.lowest_launch:.1f} to {cpu.added.highest_launch:.1f}",
            f"{cpu.quiet:.1f}",
        ]
    if wall.share is not None and cpu.share is not None:
        cells[6] = f"{_fraction(wall.share)}, {_fraction(cpu.share)}"
    return "| " + " | ".join(cells) + " |"


def _with_quartiles(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.lower_quartile:.1f} to {spread.upper_quartile:.1f})"


def _fraction(share: float) -> str:
    """As in `1/9.1`; a share hidden by noise, or negative, is shown as 0."""
    return f"1/{1 / share:.1f}" if share > 0.005 else "0"
