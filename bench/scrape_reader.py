"""A reader's process: scrapes once per line of stdin, and answers with a JSON object."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

STOCK = "stock"
OURS = "ours"


def main() -> None:
    name, directory = sys.argv[1], Path(sys.argv[2])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    started = time.perf_counter()
    scrape = _stock(directory) if name == STOCK else _ours(directory)
    imported = time.perf_counter() - started
    print(json.dumps({"import_seconds": imported}), file=answers, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        body = scrape()
        seconds = time.perf_counter() - started
        answer = {"seconds": seconds, "bytes": len(body), "resident_bytes": _resident_bytes()}
        print(json.dumps(answer), file=answers, flush=True)


def _stock(directory: Path) -> Callable[[], bytes]:
    """As in prometheus-client's documentation: a new registry for each scrape."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    def scrape() -> bytes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(directory))
        return generate_latest(registry)

    return scrape


def _ours(directory: Path) -> Callable[[], bytes]:
    from django.conf import settings

    settings.configure()
    from monitoring import storage
    from monitoring.exposition.scrape import Scraper

    storage.install(role="exporter", directory=directory)
    storage.attach()
    scraper = Scraper(directory)
    return lambda: scraper.answer({}).body


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
