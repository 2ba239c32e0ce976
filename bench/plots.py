"""Draws the overview as bar charts, in PNG files."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench.overview import Peer
from bench.variants import BASELINE, CONTROL, OURS

_OURS = "#1f6feb"
_OTHERS = "#8b949e"


def write_plots(found: Sequence[Peer], directory: Path) -> list[str]:
    """Write the charts; returns the file names."""
    peers = [peer for peer in found if peer.name not in (BASELINE, CONTROL)]
    plots: dict[str, tuple[str, list[float | None]]] = {
        "wsgi.png": ("CPU time added to a WSGI request, µs", [peer.wsgi_us for peer in peers]),
        "asgi.png": ("CPU time added to an ASGI request, µs", [peer.asgi_us for peer in peers]),
        "throughput.png": (
            "Requests per second, of those without monitoring",
            [peer.throughput for peer in peers],
        ),
        "scrape.png": (
            "A scrape after a thousand recycled workers, ms",
            [peer.scrape_ms[1] if peer.scrape_ms else None for peer in peers],
        ),
    }
    for name, (title, values) in plots.items():
        shown = [
            (peer, value) for peer, value in zip(peers, values, strict=True) if value is not None
        ]
        _bars(title, shown).savefig(directory / name, dpi=110)
    return list(plots)


def _bars(title: str, shown: Sequence[tuple[Peer, float]]) -> Figure:
    figure = Figure(figsize=(8, 0.9 + 0.45 * len(shown)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(
        [peer.title for peer, _ in shown],
        [value for _, value in shown],
        color=[_OURS if peer.name == OURS else _OTHERS for peer, _ in shown],
    )
    axes.bar_label(bars, fmt="{:,.3g}", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
