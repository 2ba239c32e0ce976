"""Which source the settings choose, and what is answered when it is away."""

from collections.abc import Callable
from typing import TypeVar

from monitoring.conf import get_settings
from monitoring.figures.intervals import Intervals
from monitoring.figures.local_source import local_source
from monitoring.figures.traffic import SourceUnavailableError, Traffic, TrafficSource
from monitoring.figures.window import Window
from monitoring.storage.directory import configured_directory

T = TypeVar("T")


def read_traffic(window: Window) -> tuple[Traffic, str | None]:
    """The window's traffic; and why it is not from the configured source, if it is not.

    Raises SourceUnavailableError.
    """
    return _ask(lambda source: source.traffic(window))


def read_intervals(window: Window) -> tuple[Intervals, str | None]:
    """The window in intervals, likewise."""
    return _ask(lambda source: source.intervals(window))


def _ask(question: Callable[[TrafficSource], T]) -> tuple[T, str | None]:
    settings = get_settings()
    local = local_source(configured_directory())
    if not settings.PROMETHEUS_URL:
        return question(local), None
    # Imported here: most sites have no Prometheus to ask.
    from monitoring.figures.prometheus_source import PrometheusSource  # noqa: PLC0415

    try:
        return question(PrometheusSource(settings)), None
    except SourceUnavailableError as error:
        if not settings.PROMETHEUS_FALLBACK:
            raise
        return question(local), str(error)
