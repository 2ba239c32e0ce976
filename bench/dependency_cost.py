"""Measures what monitoring adds to a query and a cache get, against django-prometheus.

Each variant has its own process on the same core, with SQLite in memory and locmem, so that only
Django and the monitoring are measured, not a server. Rounds of all variants alternate.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time_ns

NONE, CONTROL, OURS, RIVAL = "none", "none-again", "ours", "django-prometheus"
VARIANTS = (NONE, CONTROL, OURS, RIVAL)
CASES = ("query", "get hit", "get miss")
# The highest allowed ratio of our added cost to django-prometheus's.
LIMITS = {"query": 1 / 3, "get hit": 0.6, "get miss": 0.6}  # a get is timed, too
_CALLS = {"query": 2000, "get hit": 5000, "get miss": 5000}


def child(variant: str, directory: str) -> None:
    """For each case named on stdin, print the CPU nanoseconds of a call."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    engine, backend = "django.db.backends.sqlite3", "django.core.cache.backends.locmem.LocMemCache"
    if variant == OURS:
        from monitoring import storage

        storage.install(role="bench", directory=directory)
    if variant == RIVAL:
        engine = "django_prometheus.db.backends.sqlite3"
        backend = "django_prometheus.cache.backends.locmem.LocMemCache"
    import django
    from django.conf import settings

    settings.configure(
        CACHES={"default": {"BACKEND": backend}},
        DATABASES={"default": {"ENGINE": engine, "NAME": ":memory:"}},
        INSTALLED_APPS=["monitoring"] if variant == OURS else [],
        MONITORING={"SLOW_QUERY_LOG": ""},
    )
    django.setup()
    from django.core.cache import cache
    from django.db import connection

    cache.set("known", "value", None)

    def query(calls: int) -> None:
        for _ in range(calls):
            with connection.cursor() as cursor:
                cursor.execute("SELECT %s", (1,))
                cursor.fetchone()

    def hit(calls: int) -> None:
        for _ in range(calls):
            cache.get("known")

    def miss(calls: int) -> None:
        for _ in range(calls):
            cache.get("unknown")

    cases = {"query": query, "get hit": hit, "get miss": miss}
    print("ready", flush=True)
    for line in sys.stdin:
        run, calls = cases[line.strip()], _CALLS[line.strip()]
        run(calls // 5)
        started = process_time_ns()
        run(calls)
        print((process_time_ns() - started) / calls, flush=True)


class Variant:
    """A child process."""

    def __init__(self, name: str, directory: str, cpu: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.dependency_cost", "--child", name, directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {cpu})
        self._read()

    def measure(self, case: str) -> float:
        """CPU microseconds of a call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{case}\n")
        self._process.stdin.flush()
        return float(self._read()) / 1000

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended with status {self._process.wait()}")
        return line


def measure(rounds: int, launches: int, cpu: int) -> dict[str, dict[str, list[float]]]:
    """CPU microseconds by case and variant, one value per round."""
    figures: dict[str, dict[str, list[float]]] = {
        case: {name: [] for name in VARIANTS} for case in CASES
    }
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    for _ in range(launches):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=memory) as directory:
            children = {}
            for name in VARIANTS:
                (own_directory := Path(directory) / name).mkdir(mode=0o700)
                children[name] = Variant(name, str(own_directory), cpu)
            for number in range(rounds):
                for case in CASES:
                    turn = number % len(VARIANTS)
                    for name in (*VARIANTS[turn:], *VARIANTS[:turn]):
                        figures[case][name].append(children[name].measure(case))
            for process in children.values():
                process.close()
    return figures


def added(figures: dict[str, list[float]], name: str) -> float:
    """Median of the differences to the baseline, round by round."""
    return statistics.median(
        ours - none for ours, none in zip(figures[name], figures[NONE], strict=True)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--child", nargs=2, metavar=("VARIANT", "DIRECTORY"))
    parser.add_argument("--rounds", type=int, default=20, help="of each launch (%(default)s)")
    parser.add_argument("--launches", type=int, default=3, help="sets of processes (%(default)s)")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return 0
    figures = measure(arguments.rounds, arguments.launches, arguments.cpu)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures))
    print(
        "| case | Django alone µs | noise µs | ours adds µs | django-prometheus adds µs | share |"
    )
    print("|---|---|---|---|---|---|")
    met = True
    for case, by_variant in figures.items():
        ours, rival = added(by_variant, OURS), added(by_variant, RIVAL)
        met = met and ours <= LIMITS[case] * rival
        print(
            f"| {case} | {statistics.median(by_variant[NONE]):.2f} "
            f"| {added(by_variant, CONTROL):+.2f} | {ours:.2f} | {rival:.2f} | {ours / rival:.2f} |"
        )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
