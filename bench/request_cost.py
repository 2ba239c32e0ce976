"""Measures what monitoring adds to the cost of a request (see bench/README.md)."""

import argparse
import json
import os
import platform
import pstats
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.client import BATCH_SHARES, STATUS_OF_CASE
from bench.processes import running
from bench.redis_server import redis_for
from bench.report import Batch, summarize, table
from bench.variants import BASELINE, OURS, VARIANTS

_PROFILE_LINES = 40
_LEAD_IN = 10
_WARM_UP = 500


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    if options.profile:
        with redis_for([options.profile]):
            _profile(options.profile, options.handlers[0], options.cases[0], options.batch)
        return
    about, batches = measure(options)
    rows = summarize(batches)
    print(heading(about), table(rows), sep="\n\n")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "about": about,
            "rows": [asdict(row) for row in rows],
            "batches": [asdict(batch) for batch in batches],
        }
        options.json.write_text(json.dumps(document, indent=1) + "\n")


def measure(options: argparse.Namespace) -> tuple[dict[str, Any], list[Batch]]:
    """The conditions of the run, and all batches; `options` come from `parser()`."""
    cpu = options.cpu if options.cpu >= 0 else None
    about = _about(options, cpu)
    load_before = os.getloadavg()[0]
    with redis_for(options.variants):
        batches = list(_measure(options, cpu))
    about["load_average"] = [load_before, os.getloadavg()[0]]
    return about, batches


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="bench.request_cost", description=__doc__)
    add = made.add_argument
    add("--handlers", nargs="+", choices=BATCH_SHARES, default=list(BATCH_SHARES))
    add("--cases", nargs="+", choices=STATUS_OF_CASE, default=["ok", "unmatched"])
    add("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    add("--launches", type=_positive, default=4, help="sets of new processes (default 4)")
    add("--rounds", type=_positive, default=40, help="rounds per launch (default 40)")
    add("--batch", type=_positive, default=100, help="WSGI requests per batch (default 100)")
    add(
        "--cpu",
        type=int,
        default=max(os.sched_getaffinity(0)),
        help="core that the children are pinned to, -1 for none (default: the last one)",
    )
    add("--json", type=Path, help="also write all batches and figures to this file")
    add(
        "--profile",
        nargs="?",
        const=OURS,
        choices=VARIANTS,
        help="instead, profile a variant (default: ours) on the first handler and case",
    )
    return made


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _measure(options: argparse.Namespace, cpu: int | None) -> Iterator[Batch]:
    names = list(dict.fromkeys((BASELINE, *options.variants)))
    work = [
        (handler, case, max(1, round(options.batch * BATCH_SHARES[handler])))
        for handler in options.handlers
        for case in options.cases
    ]
    for launch in range(options.launches):
        with running(names, cpu) as processes:
            for process in processes:
                for handler, case, _ in work:
                    process.measure(handler, case, _WARM_UP)
            for number in range(options.rounds):
                for handler, case, requests in work:
                    # Each variant comes first, second, … equally often.
                    first = number % len(processes)
                    for process in (*processes[first:], *processes[:first]):
                        timing = process.measure(handler, case, requests, lead_in=_LEAD_IN)
                        name = process.variant.name
                        yield Batch(handler, case, name, launch, number, timing)
            for process in processes:
                process.check_count()
        print(f"launch {launch + 1} of {options.launches} done", file=sys.stderr)


def _profile(variant: str, handler: str, case: str, batch: int) -> None:
    with tempfile.NamedTemporaryFile(suffix=".prof") as file, running([variant], None) as processes:
        processes[0].measure(handler, case, _WARM_UP)
        processes[0].measure(handler, case, 100 * batch, profile_to=file.name)
        stats = pstats.Stats(file.name)
    stats.strip_dirs().sort_stats("tottime").print_stats(_PROFILE_LINES)


def _about(options: argparse.Namespace, cpu: int | None) -> dict[str, Any]:
    packages = ("django", "prometheus-client", "django-prometheus", "asgiref")
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: version(name) for name in packages},
        "launches": options.launches,
        "rounds": options.rounds,
        "batch": options.batch,
        "pinned_to": cpu,
    }


def heading(about: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    before, after = about["load_average"]
    return (
        f"{about['launches']} launches of {about['rounds']} rounds of {about['batch']} requests; "
        f"Python {about['python']}, {packages}; {about['machine']}; "
        f"load average {before:.1f} before, {after:.1f} after."
    )


if __name__ == "__main__":
    main()
