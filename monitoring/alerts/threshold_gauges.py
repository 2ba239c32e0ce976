"""Exposes the live thresholds as a gauge, so that alerting rules need no reload."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from prometheus_client.core import Metric

from monitoring.alerts.definitions import DEFINITIONS
from monitoring.backing_services.database_probe import ask
from monitoring.conf import APP_LABEL, get_settings
from monitoring.errors import DatabaseUnavailableError
from monitoring.exposition.claims import ClaimedNames
from monitoring.exposition.refreshed import Refreshed
from monitoring.metrics.derived import THRESHOLD
from monitoring.primitives.small_files import read_json, write_json

if TYPE_CHECKING:
    from monitoring.merging.merge import Merged

_EVERY_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 0.5
_FILE = "thresholds.json"
_MAX_BYTES = 65536

Thresholds = Mapping[str, float | None]


class ThresholdGauges:
    """A source of families for a scraper: the values read last, also while the database is down."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._last = load(directory)
        self._reading = Refreshed("thresholds", self._read, _EVERY_SECONDS)

    def __call__(self, merged: "Merged", seconds: float, claimed: ClaimedNames) -> Iterator[Metric]:
        if not apps.is_installed("monitoring"):
            return
        self._reading.get(_FIRST_WAIT_SECONDS if self._last is None else 0.0)
        if self._last is not None and claimed.claim(THRESHOLD.name, THRESHOLD.type):
            family = THRESHOLD.new()
            for name, value in self._last.items():
                if value is not None:
                    family.add_metric([name], value)
            yield family

    def _read(self) -> None:
        try:
            alias = router.db_for_write(apps.get_model(APP_LABEL, "Threshold"))
            stored = ask(alias, _rows, get_settings().DATABASE_TIMEOUT_MS / 1000)
        except DatabaseUnavailableError:
            return
        found = {
            name: stored.get(name, definition.default) for name, definition in DEFINITIONS.items()
        }
        is_new, self._last = found != load(self._directory), found
        if is_new:
            with contextlib.suppress(OSError):  # the file only serves the next start
                save(self._directory, found)


def _rows(connection: BaseDatabaseWrapper) -> dict[str, float | None]:
    table = apps.get_model(APP_LABEL, "Threshold")._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, value FROM {connection.ops.quote_name(table)}")  # noqa: S608
        return dict(cursor.fetchall())


def load(directory: Path) -> Thresholds | None:
    """The stored thresholds; None if the file is missing or invalid."""
    found = read_json(directory / _FILE, _MAX_BYTES)
    try:
        return {
            name: None if (value := found[name]) is None else float(value) for name in DEFINITIONS
        }
    except (ValueError, KeyError, TypeError):
        return None


def save(directory: Path, thresholds: Thresholds) -> None:
    """Replace the file atomically. Raises OSError."""
    write_json(directory / _FILE, dict(thresholds))
