"""What of a report the public may see."""

from dataclasses import replace

from monitoring.health.findings import Report, Result

_HIDDEN = "…"


def for_the_public(report: Report, *, hosts: bool) -> Report:
    """Celery's workers without their hosts (`celery@…`), unless `hosts` is true."""
    if hosts:
        return report
    return replace(
        report, results={name: _without_hosts(each) for name, each in report.results.items()}
    )


def _without_hosts(result: Result) -> Result:
    workers = result.finding.details.get("workers")
    if not workers:
        return result
    hidden = [f"{name.partition('@')[0]}@{_HIDDEN}" for name in workers]
    details = {**result.finding.details, "workers": hidden}
    return replace(result, finding=replace(result.finding, details=details))
