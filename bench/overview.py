"""All peers in one table: what each costs a request, a server and a scrape."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.client import ASGI_CHAIN, WSGI
from bench.report import Row
from bench.scrape_reader import OURS as OUR_READER
from bench.scrape_time import Recycled
from bench.served import Figures
from bench.variants import BASELINE, NAIVE, OURS, RIVAL, RIVAL_ON_SLOTS, VARIANTS

# Peers whose scrape reads prometheus-client's own multiprocess files.
_STOCK = (RIVAL, NAIVE)


@dataclass(frozen=True, slots=True)
class Peer:
    """One line of the table; None where a peer has no such figure."""

    name: str
    title: str
    wsgi_us: float | None
    asgi_us: float | None
    throughput: float  # requests/s relative to no monitoring, same round
    p99: float  # likewise
    worker_mib: float
    files: tuple[int, int] | None  # before and after the recycled workers
    scrape_ms: tuple[float, float] | None  # likewise


def peers(
    rows: Sequence[Row], served: Mapping[str, Figures], recycled: Sequence[Recycled]
) -> list[Peer]:
    """All peers, in the order of VARIANTS."""
    by_reader = {result.reader: result for result in recycled}
    found = []
    for name, figures in served.items():
        reader = OUR_READER if name == OURS else "stock" if name in _STOCK else None
        grown = by_reader[reader] if reader else None
        found.append(
            Peer(
                name,
                VARIANTS[name].title,
                _added(rows, WSGI, name),
                _added(rows, ASGI_CHAIN, name),
                _ratio(figures.per_second, served[BASELINE].per_second),
                _ratio(figures.p99_ms, served[BASELINE].p99_ms),
                figures.worker_bytes / 2**20,
                grown.files if grown else None,
                _milliseconds(grown) if grown else None,
            )
        )
    return [peer for peer in found if peer.name != RIVAL_ON_SLOTS]


def table(found: Sequence[Peer]) -> str:
    """A Markdown table."""
    lines = [
        "| monitoring | added CPU µs: WSGI | ASGI | requests/s of none | p99 of none "
        "| worker MiB | files: 4 workers, + recycled | scrape ms: 4 workers, + recycled |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for peer in found:
        files = f"{peer.files[0]}, {peer.files[1]:,}" if peer.files else ""
        scrape = f"{peer.scrape_ms[0]:.1f}, {peer.scrape_ms[1]:,.1f}" if peer.scrape_ms else ""
        cells = [
            peer.title,
            "" if peer.wsgi_us is None else f"{peer.wsgi_us:.0f}",
            "" if peer.asgi_us is None else f"{peer.asgi_us:.0f}",
            f"{peer.throughput:.2f}",
            f"{peer.p99:.2f}",
            f"{peer.worker_mib:.0f}",
            files,
            scrape,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _added(rows: Sequence[Row], handler: str, name: str) -> float | None:
    for row in rows:
        if (row.handler, row.case, row.variant) == (handler, "ok", name) and row.cpu.added:
            return row.cpu.added.median
    return None


def _ratio(mine: Sequence[float], none: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(mine, none, strict=True))


def _milliseconds(grown: Recycled) -> tuple[float, float]:
    before, after = grown.scrape_seconds
    return 1000 * before, 1000 * after
