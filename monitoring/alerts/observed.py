"""The figures that thresholds are compared with."""

from typing import Any

from monitoring import sessions
from monitoring.summary.figures import figures
from monitoring.summary.sources import read_traffic
from monitoring.summary.traffic import SourceUnavailableError
from monitoring.summary.window import Window


def summarize(seconds: float) -> dict[str, Any]:
    """The summary of the last `seconds`. Raises SourceUnavailableError."""
    traffic, _ = read_traffic(Window(seconds))
    if traffic.covered_seconds == 0:  # figures of nothing would end every alert
        raise SourceUnavailableError("no_data", "nothing is known of this window yet")
    active, _ = sessions.count_active()
    return {**figures(traffic), "active_sessions": active}
