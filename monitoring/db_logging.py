"""The old name of `monitoring.tracking`, for projects that import `track_queries` from here."""

from monitoring.tracking import Tracker, track_queries

__all__ = ["Tracker", "track_queries"]
