"""Alerts on the service level objectives and on the site's own live thresholds.

Burn rates and windows are those of Google's SRE Workbook, chapter 5 ("Alerting on SLOs"): the long
window shows that the budget really burns, the short one that it still does.
"""

from dataclasses import dataclass

from monitoring.alerts import definitions
from monitoring.metrics import names
from prometheus.source import recorded
from prometheus.source.options import RuleOptions
from prometheus.source.rule import Alert, Group, Severity


@dataclass(frozen=True, slots=True)
class Burn:
    """An alert's two windows; `factor` is the allowed multiple of an even burn rate."""

    long: str
    short: str
    factor: float
    wait: str
    severity: Severity


BURNS = (
    Burn("1h", "5m", 14.4, "2m", "critical"),
    Burn("6h", "30m", 6, "15m", "critical"),
    Burn("1d", "2h", 3, "1h", "warning"),
    Burn("3d", "6h", 1, "3h", "warning"),
)

_VALUE = "{{ $value | humanizePercentage }}"
_SITE = "job {{ $labels.job }}"


def objective_groups(options: RuleOptions) -> tuple[Group, ...]:
    return (
        Group(
            "django-availability",
            tuple(
                _burn_alert(
                    options,
                    burn,
                    "DjangoErrorBudgetBurn",
                    recorded.FAILED,
                    options.availability_budget,
                    "Requests fail faster than the availability objective allows.",
                    f"{_VALUE} of the requests of {_SITE} failed (5xx) in the last {burn.long}; "
                    f"the objective allows {options.availability_budget * 100:g}%.",
                )
                for burn in BURNS
            ),
        ),
        Group(
            "django-latency",
            tuple(
                _burn_alert(
                    options,
                    burn,
                    "DjangoLatencyBudgetBurn",
                    recorded.OVER_TARGET,
                    options.latency_budget,
                    "More requests are slow than the latency objective allows.",
                    f"{_VALUE} of the requests of {_SITE} took longer than "
                    f"{options.latency_seconds:g} s in the last {burn.long}; the objective "
                    f"allows {options.latency_budget * 100:g}%.",
                )
                for burn in BURNS
            ),
        ),
        Group("django-thresholds", _thresholds(options)),
    )


def _burn_alert(
    options: RuleOptions,
    burn: Burn,
    name: str,
    part: str,
    budget: float,
    summary: str,
    description: str,
) -> Alert:
    limit = f"{burn.factor * budget:g}"
    return Alert(
        name=name,
        severity=burn.severity,
        expr=(
            f"{recorded.share(part, burn.long)} > {limit}\n"
            f"and\n{recorded.share(part, burn.short)} > {limit}\n"
            f"and\navg_over_time(job:{recorded.REQUESTS}[{burn.long}]) "
            f"> {options.minimum_rate:g}"
        ),
        wait=burn.wait,
        summary=summary,
        description=description,
        labels={"long_window": burn.long, "short_window": burn.short},
    )


def _thresholds(options: RuleOptions) -> tuple[Alert, ...]:
    """Alerts on the thresholds that admins set at run time. One that is off has no series."""

    def threshold(name: str) -> str:
        family = options.series(names.MONITORING_THRESHOLD, f'name="{name}"')
        return f"max without (instance, name) ({family})"

    enough = f"and\njob:{recorded.REQUESTS} > {options.minimum_rate:g}"
    sessions = options.series(names.HTTP_ACTIVE_SESSIONS)
    rows = (
        (
            definitions.ERROR_RATE,
            "DjangoErrorRateAboveThreshold",
            f"100 * job:{recorded.ERRORS} / job:{recorded.REQUESTS} > "
            f"{threshold(definitions.ERROR_RATE)}\n{enough}",
            "The share of answers with status 400 and above exceeds the site's threshold.",
            'Of the answers of {site}, {{{{ $value | printf "%.1f" }}}}% had a status of 400 or '
            "above in the last 5 minutes.",
        ),
        (
            definitions.AVG_RESPONSE_TIME,
            "DjangoResponseTimeAboveThreshold",
            f"1000 * {recorded.JOB_MEAN} > {threshold(definitions.AVG_RESPONSE_TIME)}\n{enough}",
            "The mean response time exceeds the site's threshold.",
            'Requests of {site} took {{{{ $value | printf "%.0f" }}}} ms on average in the last '
            "5 minutes.",
        ),
        (
            definitions.SLOW_REQUEST_COUNT,
            "DjangoSlowRequestsAboveThreshold",
            f"job:{recorded.SLOW} > {threshold(definitions.SLOW_REQUEST_COUNT)}",
            "The number of slow requests exceeds the site's threshold.",
            '{site} had {{{{ $value | printf "%.0f" }}}} slow requests in the last 5 minutes.',
        ),
        (
            definitions.ACTIVE_SESSIONS,
            "DjangoActiveSessionsAboveThreshold",
            f"max without (instance) ({sessions}) > {threshold(definitions.ACTIVE_SESSIONS)}",
            "The number of active sessions exceeds the site's threshold.",
            '{site} has {{{{ $value | printf "%.0f" }}}} active sessions.',
        ),
    )
    return tuple(
        Alert(
            name=name,
            severity="warning",
            expr=expr,
            wait="2m",
            summary=summary,
            description=description.format(site=_SITE),
            # By this label, the webhook joins the alert with the site's own evaluation.
            labels={"threshold": label},
            keep_firing="5m",
        )
        for label, name, expr, summary, description in rows
    )
