"""One scrape: merge, add what is derived, render."""

import threading
from functools import cache
from pathlib import Path
from time import perf_counter

from monitoring.conf import Settings, get_settings
from monitoring.exposition.derived import scrape_figures, status_counters
from monitoring.exposition.text import TextRenderer
from monitoring.storage import values
from monitoring.storage.directory import configured_directory
from monitoring.storage.merge import Merger


class Scraper:
    """Answers scrapes of one metrics directory; what it learns is kept between them."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._merger = Merger(directory, values.count_corrupt_file)
        self._renderer = TextRenderer()
        self._lock = threading.Lock()
        self._settings = settings

    def scrape(self, names: frozenset[str] = frozenset()) -> bytes:
        """The exposition in text format 0.0.4; `names` limits it to families or samples."""
        started = perf_counter()
        merged = self._merger.merge()
        with self._lock:
            extra = [*scrape_figures(merged, perf_counter() - started)]
            if self._settings.STATUS_COUNTERS:
                extra = [*status_counters(merged), *extra]
            return self._renderer.render(merged, extra, names)


@cache
def scraper() -> Scraper:
    """This process's scraper of its own metrics directory."""
    return Scraper(configured_directory(), get_settings())
