"""Runs health checks within deadlines, and shares their results between all workers."""

from monitoring.health.findings import CheckError, Finding, Status

__all__ = ["CheckError", "Finding", "Status"]
