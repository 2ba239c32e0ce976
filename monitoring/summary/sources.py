"""Which source the settings choose, and what is answered when it is away."""

from monitoring.conf import get_settings
from monitoring.storage.directory import configured_directory
from monitoring.summary.local import local_source
from monitoring.summary.traffic import SourceUnavailableError, Traffic
from monitoring.summary.window import Window


def read_traffic(window: Window) -> tuple[Traffic, str | None]:
    """The window's traffic; and why it is not from the configured source, if it is not.

    Raises SourceUnavailableError.
    """
    settings = get_settings()
    local = local_source(configured_directory())
    if not settings.PROMETHEUS_URL:
        return local.traffic(window), None
    # Imported here: most sites have no Prometheus to ask.
    from monitoring.summary.prometheus import PrometheusSource  # noqa: PLC0415

    try:
        return PrometheusSource(settings).traffic(window), None
    except SourceUnavailableError as error:
        if not settings.PROMETHEUS_FALLBACK:
            raise
        return local.traffic(window), str(error)
