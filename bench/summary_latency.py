"""Measures GET /api/metrics/ with many slots and series, in a process that is warm.

    .venv/bin/python -m bench.summary_latency [--slots 32] [--series 4000]

It includes the database (SQLite in memory) and the admin's token, but no server or network.
Markdown on stdout; exit status 1 when the median is above --limit-ms.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from monitoring.storage.exemplars import DIRECT_RECORDS

_BUCKETS_AND_SUM = 16  # series of an endpoint's histogram
_FINE = DIRECT_RECORDS + 1  # the fine histogram's buckets, and its sum

_WRITER = """
import os, random, sys, time
from monitoring import storage
storage.install("web")
import django
from django.conf import settings
settings.configure()
from bisect import bisect_left
from monitoring.metrics.request_families import HIGHR_BOUNDS, http_metrics
from monitoring.storage.fine_file import FineRow
from monitoring.storage.values import add_all
seed, routes = map(int, sys.argv[1:])
chance = random.Random(seed)
metrics = http_metrics()
for number in range(routes):
    route = f"/shop/{number}/<int:pk>/"
    for status in ("200", "404"):
        metrics.requests.labels("GET", route, status).inc(chance.randrange(1, 1000))
    metrics.errors.labels("GET", route, "404").inc(1)
    metrics.slow.labels("GET", route).inc(0)
    row = FineRow("GET", route)
    for _ in range(50):
        seconds = chance.lognormvariate(-4, 1)
        add_all([(row[bisect_left(HIGHR_BOUNDS, seconds)], 1.0)])
        metrics.duration.labels("GET", route).observe(seconds)
        metrics.duration_highr.observe(seconds)
print("ready", flush=True)
sys.stdin.read()
"""


def main() -> int:
    arguments = _parse()
    routes = (arguments.series - _FINE) // (_BUCKETS_AND_SUM + 4)
    with tempfile.TemporaryDirectory(prefix="bench-summary-", dir="/dev/shm") as directory:
        os.chmod(directory, 0o700)  # noqa: PTH101
        writers = [_start_writer(directory, number, routes) for number in range(arguments.slots)]
        try:
            first, times, cpu = _measure(Path(directory), arguments.rounds)
        finally:
            for writer in writers:
                writer.communicate()
    times.sort()
    quiet = times[len(times) // 10]
    median, p95 = statistics.median(times), times[int(0.95 * len(times))]
    print(f"{arguments.slots} slots, {arguments.series} series each, {arguments.rounds} rounds\n")
    print("| first ms | median ms | first decile ms | 95th percentile ms | CPU median ms |")
    print("|---|---|---|---|---|")
    print(
        f"| {first:.0f} | {median:.1f} | {quiet:.1f} | {p95:.1f} | {statistics.median(cpu):.1f} |"
    )
    return int(median > arguments.limit_ms)


def _measure(directory: Path, rounds: int) -> tuple[float, list[float], list[float]]:
    """Milliseconds of the first answer, of the following ones, and their CPU time."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    os.environ["DATABASE_URL"] = "sqlite://:memory:"
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    os.environ["ALLOWED_HOSTS"] = "testserver"
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from rest_framework_simplejwt.tokens import AccessToken

    from monitoring.figures.take_snapshot import take_snapshot

    call_command("migrate", verbosity=0)
    user = get_user_model().objects.create(username="admin", is_staff=True)
    headers = {"Authorization": f"Bearer {AccessToken.for_user(user)}"}
    take_snapshot(directory)
    client = Client()
    client.get("/", headers=headers)  # loads the middleware, as a server does at its start
    times, cpu = [], []
    for number in range(rounds + 1):
        if number % 10 == 0:
            take_snapshot(directory)
        started, cpu_started = time.perf_counter(), time.process_time()
        answer = client.get("/api/metrics/?window=5m", headers=headers)
        times.append(1000 * (time.perf_counter() - started))
        cpu.append(1000 * (time.process_time() - cpu_started))
        assert answer.status_code == 200, answer.content
    return times[0], times[1:], cpu[1:]


def _start_writer(directory: str, seed: int, routes: int) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(seed), str(routes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": directory},
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    return writer


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The latency of the admin summary.")
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--series", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--limit-ms", type=float, default=50.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
