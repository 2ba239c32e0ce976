"""For projects: `from monitoring.db_logging import track_queries`."""

from monitoring.instruments.databases.trackers import Tracker
from monitoring.tracking import track_queries

__all__ = ["Tracker", "track_queries"]
