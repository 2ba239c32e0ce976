"""For projects: `from monitoring.db_logging import track_queries`."""

from monitoring.databases.track import track_queries
from monitoring.databases.trackers import Tracker

__all__ = ["Tracker", "track_queries"]
