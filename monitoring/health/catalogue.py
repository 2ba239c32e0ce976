"""Which checks there are: our own, and those of the setting HEALTH_CHECKS."""

from collections.abc import Iterable

from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.errors import SettingsError
from monitoring.health.examiner import Check, CheckError, Probe
from monitoring.health.findings import Finding, Status
from monitoring.health.own_checks import (
    aliases,
    database_probe,
    migrations_probe,
    probe_celery,
    probe_redis,
)

DATABASE, REDIS, CELERY, MIGRATIONS = "database", "redis", "celery", "migrations"

NONE = Finding(Status.DISABLED, "Not configured.")
PASSED = Finding(Status.HEALTHY, "The check passes.")
FAILED = Finding(Status.UNHEALTHY, "The check fails.")


def names() -> list[str]:
    """What `health/` covers."""
    return [DATABASE, REDIS, CELERY, *(name for name, _ in get_settings().HEALTH_CHECKS)]


def known() -> list[str]:
    """All checks that can be asked for by name."""
    return [*names(), MIGRATIONS]


def checks(wanted: Iterable[str]) -> list[Check]:
    """The checks by name. Raises SettingsError for one that there is not."""
    return [_check(name) for name in dict.fromkeys(wanted)]


def _check(name: str) -> Check:
    match name:
        case "database":
            return _of_databases(name, {f"{name}:{a}": database_probe(a) for a in aliases()})
        case "migrations":
            return _of_databases(name, {f"{name}:{a}": migrations_probe(a) for a in aliases()})
        case "redis":
            return Check(name, {name: probe_redis})
        case "celery":
            return Check(name, {name: probe_celery}, {"workers": []})
    own = dict(get_settings().HEALTH_CHECKS)
    if name not in own:
        raise SettingsError(f"there is no health check {name!r}; known are {known()}")
    return Check(name, {name: _own_probe(own[name])})


def _of_databases(name: str, parts: dict[str, Probe]) -> Check:
    return Check(name, parts or {name: lambda seconds, last: NONE})


def _own_probe(path: str) -> Probe:
    """A callable without arguments: what it raises, or False, is a failure."""

    def probe(seconds: float, last: Finding | None) -> Finding:
        try:
            found = import_string(path)()
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(FAILED) from error
        if isinstance(found, Finding):
            return found
        return FAILED if found is False else PASSED

    return probe
