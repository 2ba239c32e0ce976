"""For projects: `from monitoring.db_logging import track_queries`."""

from monitoring.databases.track import Tracker, track_queries

__all__ = ["Tracker", "track_queries"]
