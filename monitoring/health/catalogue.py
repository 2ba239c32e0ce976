"""Finds checks by name: the app's own from their table, and those of the setting HEALTH_CHECKS."""

import asyncio
from collections.abc import Awaitable, Iterable
from inspect import isawaitable
from typing import Any

from asgiref.sync import async_to_sync
from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.conf.health_table import OWN_HEALTH_CHECKS, HealthRole, own_checks_with
from monitoring.errors import SettingsError
from monitoring.health.findings import Check, CheckError, Finding, Probe, Status

NOT_CONFIGURED = Finding(Status.DISABLED, "Not configured.")
NO_SUCH_CHECK = Finding(Status.UNHEALTHY, "The settings name a check that there is not.")
PASSES = Finding(Status.HEALTHY, "The check passes.")
FAILS = Finding(Status.UNHEALTHY, "The check fails.")


def covered_names() -> list[str]:
    """The names of the checks that `health/` runs: with all of HEALTH_CRITICAL, known or not."""
    settings = get_settings()
    own = own_checks_with(HealthRole.CRITICAL, HealthRole.INFORMATIVE)
    return list(dict.fromkeys([*own, *dict(settings.HEALTH_CHECKS), *settings.HEALTH_CRITICAL]))


def known_names() -> list[str]:
    """The names of all checks."""
    own = own_checks_with(HealthRole.CRITICAL, HealthRole.INFORMATIVE)
    project = dict(get_settings().HEALTH_CHECKS)
    return list(dict.fromkeys([*own, *project, *own_checks_with(*HealthRole)]))


def checks_named(names: Iterable[str]) -> list[Check]:
    """The checks that a client asks for, each once. Raises SettingsError for an unknown name."""
    return [_check_named(name) for name in dict.fromkeys(names)]


def checks_of_settings(names: Iterable[str]) -> list[Check]:
    """The checks that the settings name, each once; one that there is not is unhealthy."""
    known = known_names()
    return [
        _check_named(name) if name in known else Check(name, {name: _no_such_check})
        for name in dict.fromkeys(names)
    ]


def _check_named(name: str) -> Check:
    own = next((own for own in OWN_HEALTH_CHECKS if own.name == name), None)
    if own is not None:
        probes: dict[str, Probe] = import_string(own.probes)()
        return Check(name, probes or {name: _not_configured}, own.details)
    project = dict(get_settings().HEALTH_CHECKS)
    if name not in project:
        raise SettingsError(f"there is no health check {name!r}; known are {known_names()}")
    return Check(name, {name: _probe_of_project(project[name])})


def _no_such_check(seconds: float, last: Finding | None) -> Finding:
    return NO_SUCH_CHECK


def _not_configured(seconds: float, last: Finding | None) -> Finding:
    return NOT_CONFIGURED


async def _await(found: Awaitable[Any], seconds: float) -> Any:
    """Cancelled at its deadline, so that its thread ends. Raises TimeoutError."""
    return await asyncio.wait_for(found, seconds)


def _probe_of_project(path: str) -> Probe:
    """A probe that calls the project's function, and awaits what an `async def` returns.

    An exception or False is a failure.
    """

    def probe(seconds: float, last: Finding | None) -> Finding:
        try:
            found = import_string(path)()
            if isawaitable(found):
                found = async_to_sync(_await)(found, seconds)
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
