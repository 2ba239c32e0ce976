"""The table of the app's own health checks: names, probes and default roles, as plain data.

Probes are dotted paths, like those of HEALTH_CHECKS, because settings are checked before any health
check is imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

DATABASE = "database"
CELERY = "celery"


class HealthRole(StrEnum):
    """The effect of a check, unless HEALTH_CRITICAL and HEALTH_READY say otherwise."""

    CRITICAL = "critical"  # part of health/, which answers 503 if it is unhealthy
    INFORMATIVE = "informative"  # part of health/, which it can only degrade
    READY = "ready"  # part of health/ready/, which answers 503 if it is unhealthy


@dataclass(frozen=True, slots=True)
class OwnHealthCheck:
    """`probes` is the dotted path of a function that returns the check's probes by part name.

    The function returns no probe if nothing is configured; `needs` tells people what to configure.
    """

    name: str
    probes: str
    needs: str
    roles: frozenset[HealthRole]
    details: Mapping[str, Any] = field(default_factory=dict)  # of a late or failed result


# In the order in which health/ and health/ready/ answer.
OWN_HEALTH_CHECKS = (
    OwnHealthCheck(
        "migrations",
        "monitoring.health.own_checks.migrations_probes",
        needs="`DATABASES`",
        roles=frozenset({HealthRole.READY}),
    ),
    OwnHealthCheck(
        DATABASE,
        "monitoring.health.own_checks.database_probes",
        needs="`DATABASES`",
        roles=frozenset({HealthRole.CRITICAL, HealthRole.READY}),
    ),
    OwnHealthCheck(
        "redis",
        "monitoring.health.own_checks.redis_probes",
        needs="`REDIS_URL`",
        roles=frozenset({HealthRole.INFORMATIVE}),
    ),
    OwnHealthCheck(
        CELERY,
        "monitoring.health.own_checks.celery_probes",
        needs="`CELERY_APP`, or a Celery application that the process has loaded",
        roles=frozenset({HealthRole.INFORMATIVE}),
        details={"workers": []},
    ),
)


def own_checks_with(*roles: HealthRole) -> tuple[str, ...]:
    """The names of the app's own checks that have one of these roles by default."""
    return tuple(check.name for check in OWN_HEALTH_CHECKS if check.roles & {*roles})
