"""Chooses the source of figures by the settings, and the fallback while it is unavailable."""

from collections.abc import Callable
from typing import TypeVar

from monitoring.conf import get_settings
from monitoring.errors import MetricsDirectoryError
from monitoring.figures.intervals import Intervals
from monitoring.figures.local_source import Counted, LocalSource, local_source
from monitoring.figures.ranking import Ranking, Selection
from monitoring.figures.traffic import SourceUnavailableError, Traffic, TrafficSource
from monitoring.figures.window import Window
from monitoring.storage.directory import configured_directory

T = TypeVar("T")


def read_traffic(window: Window, ranking: Ranking | None = None) -> tuple[Traffic, str | None]:
    """The window's traffic, and the reason if it comes from the fallback (else None).

    Endpoints are those of the ranking, or none. Raises SourceUnavailableError.
    """
    return _ask(lambda source: source.traffic(window, ranking))


def read_intervals(
    window: Window, selection: Selection | None = None
) -> tuple[Intervals, str | None]:
    """The window's intervals, of all requests or of some endpoints', and the reason as above."""
    return _ask(lambda source: source.intervals(window, selection))


def read_counted(window: Window) -> Counted:
    """What this host counted in the window: a Prometheus does not have all of it.

    Raises SourceUnavailableError.
    """
    return _of_this_host(lambda source: source.counted(window))


def _ask(question: Callable[[TrafficSource], T]) -> tuple[T, str | None]:
    settings = get_settings()
    if not settings.PROMETHEUS_URL:
        return _of_this_host(question), None
    # Imported here: most sites do not set PROMETHEUS_URL.
    from monitoring.figures.prometheus_source import PrometheusSource  # noqa: PLC0415

    try:
        return question(PrometheusSource(settings)), None
    except SourceUnavailableError as error:
        if not settings.PROMETHEUS_FALLBACK:
            raise
        return _of_this_host(question), str(error)


def _of_this_host(question: Callable[[LocalSource], T]) -> T:
    try:
        return question(local_source(configured_directory()))
    except MetricsDirectoryError as error:
        raise SourceUnavailableError("metrics_directory", str(error)) from error
    except OSError as error:
        why = f"the metrics directory cannot be read: {error.strerror}"
        raise SourceUnavailableError("metrics_directory", why) from error
