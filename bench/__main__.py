"""`make bench`: measures every peer, and writes a table and plots to bench/results."""

import argparse
import datetime
import os
from pathlib import Path

from bench import overview, request_cost, served
from bench.plots import write_plots
from bench.report import summarize
from bench.report import table as request_table
from bench.scrape_time import recycle

_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a try")
    quick: bool = parser.parse_args().quick
    launches, rounds = ("1", "10") if quick else ("4", "30")
    options = request_cost.parser().parse_args(
        ["--launches", launches, "--rounds", rounds, "--handlers", "wsgi", "asgi-chain"]
    )
    load = os.getloadavg()[0]
    about, batches = request_cost.measure(options)
    rows = summarize(batches)
    figures = served.measure(seconds=2 if quick else 5, rounds=2 if quick else 5, connections=8)
    recycled = list(recycle(100 if quick else 1000))
    found = overview.peers(rows, figures, recycled)
    _RESULTS.mkdir(exist_ok=True)
    plots = write_plots(found, _RESULTS)
    text = "\n".join(
        [
            "# The last run",
            "",
            f"{datetime.datetime.now(datetime.UTC):%-d %B %Y}; load average before {load:.1f}; "
            f"{recycled[0].count:,} workers recycled. Written by `make bench`; "
            "[how it is measured](../README.md).",
            "",
            overview.table(found),
            "",
            *(f"![{name.removesuffix('.png')}]({name})" for name in plots),
            "",
            "## A request, in detail",
            "",
            request_cost.heading(about),
            "",
            request_table(rows),
            "",
            "## Under load",
            "",
            served.table(figures),
            "",
        ]
    )
    (_RESULTS / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
