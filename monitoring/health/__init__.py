"""Health checks: what each one finds, within its deadline, shared by all workers for a while."""

from monitoring.health.findings import CheckError, Finding, Status

__all__ = ["CheckError", "Finding", "Status"]
