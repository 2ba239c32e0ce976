"""Finds checks by name: the app's own from their table, and those of the setting HEALTH_CHECKS."""

from collections.abc import Iterable

from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.conf.health_table import OWN_HEALTH_CHECKS, HealthRole, own_checks_with
from monitoring.errors import SettingsError
from monitoring.health.findings import Check, CheckError, Finding, Probe, Status

NOT_CONFIGURED = Finding(Status.DISABLED, "Not configured.")
PASSES = Finding(Status.HEALTHY, "The check passes.")
FAILS = Finding(Status.UNHEALTHY, "The check fails.")


def covered_names() -> list[str]:
    """The names of the checks that `health/` runs."""
    own = own_checks_with(HealthRole.CRITICAL, HealthRole.INFORMATIVE)
    return [*own, *dict(get_settings().HEALTH_CHECKS)]


def known_names() -> list[str]:
    """The names of all checks."""
    return list(dict.fromkeys([*covered_names(), *own_checks_with(*HealthRole)]))


def checks_named(names: Iterable[str]) -> list[Check]:
    """The checks, each once. Raises SettingsError for an unknown name."""
    return [_check_named(name) for name in dict.fromkeys(names)]


def _check_named(name: str) -> Check:
    own = next((own for own in OWN_HEALTH_CHECKS if own.name == name), None)
    if own is not None:
        probes: dict[str, Probe] = import_string(own.probes)()
        return Check(name, probes or {name: _not_configured}, own.details)
    project = dict(get_settings().HEALTH_CHECKS)
    if name not in project:
        raise SettingsError(f"there is no health check {name!r}; known are {known_names()}")
    return Check(name, {name: _probe_of_project(project[name])})


def _not_configured(seconds: float, last: Finding | None) -> Finding:
    return NOT_CONFIGURED


def _probe_of_project(path: str) -> Probe:
    """A probe that calls the project's function: an exception or False is a failure."""

    def probe(seconds: float, last: Finding | None) -> Finding:
        try:
            found = import_string(path)()
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(FAILS) from error
        if isinstance(found, Finding):
            if found.status not in Status:
                raise CheckError(FAILS) from ValueError(f"no status of a finding: {found.status!r}")
            return found
        return FAILS if found is False else PASSES

    return probe
