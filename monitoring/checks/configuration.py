"""Checks of the settings in MONITORING, the metrics directory and the metrics."""

import os
import sys
from collections.abc import Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from monitoring.backing_services import redis_client
from monitoring.backing_services.database_probe import configured_aliases
from monitoring.conf import Settings, parse_settings
from monitoring.conf.health_table import HealthRole, own_checks_with
from monitoring.errors import ForeignDirectoryError, MetricsDirectoryError
from monitoring.instruments.databases.log_place import problem_of_log
from monitoring.primitives.platform import files, processes
from monitoring.storage import directory as metrics_directory
from monitoring.storage import one_host
from monitoring.storage.client_internals import values_of_other_classes
from monitoring.storage.slots import is_housekeeping

AppConfigs = Sequence[AppConfig] | None


def usable_settings() -> Settings:
    """The settings without the bad keys, which E001 reports."""
    return parse_settings(getattr(settings, "MONITORING", {}))[0]


@register("monitoring")
def check_settings(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    _, problems = parse_settings(getattr(settings, "MONITORING", {}))
    return [Error(problem, id="monitoring.E001") for problem in problems]


@register("monitoring")
def check_directory(
    app_configs: AppConfigs, *, mounts: Path = one_host.MOUNTS, **kwargs: Any
) -> list[CheckMessage]:
    directory = metrics_directory.configured_directory()
    try:
        metrics_directory.ensure(directory, create=False)
    except MetricsDirectoryError as error:
        # `migrate`, say, does not use it, and who deploys may be another user than the web server.
        is_for_others = isinstance(error, ForeignDirectoryError)
        if is_for_others or (is_housekeeping(sys.argv) and sys.argv[1:2] != ["check"]):
            hint = "Right if the server runs as another user: it checks it again."
            return [checks.Warning(str(error), hint=hint, id="monitoring.W015")]
        return [Error(str(error), id="monitoring.E003")]
    hint = "Give each host a directory of its own in memory, such as one in /dev/shm."
    messages: list[CheckMessage] = []
    given = os.environ.get(metrics_directory.ENVIRONMENT_VARIABLE, directory)
    if not Path(given).is_absolute():
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={given} is relative: a server or an "
                "exporter that starts in another directory counts in other files.",
                hint="Write it as an absolute path.",
                id="monitoring.W010",
            )
        )
    if (kind := one_host.network_file_system(directory, mounts)) is not None:
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={directory} is on a network file system "
                f"({kind}): its locks and its shared memory end at the host.",
                hint=hint,
                id="monitoring.W005",
            )
        )
    if (name := one_host.other_host(directory)) is not None:
        messages.append(
            checks.Warning(
                f"{metrics_directory.ENVIRONMENT_VARIABLE}={directory} was last used by the host "
                f"{name!r}: if it still is, both count in the same files.",
                hint=hint,
                id="monitoring.W006",
            )
        )
    return messages


@register("monitoring")
def check_platform(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    lacking = []
    if not files.OPEN_FILES_MOVE:
        lacking.append("gunicorn does not run here, and one server process is counted exactly")
    if why := processes.why_unknown():
        lacking.append(f"process metrics and busy workers are left out, because {why}")
    if not lacking:
        return []
    return [
        checks.Info(
            f"Not everything works on this system: {'; '.join(lacking)}.",
            hint="docs/platforms.md has the whole table. To see this no more, add "
            "'monitoring.I002' to SILENCED_SYSTEM_CHECKS.",
            id="monitoring.I002",
        )
    ]


@register("monitoring")
def check_slow_query_log(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    problem = problem_of_log(usable_settings())
    if not problem:
        return []
    return [
        checks.Warning(
            f"Slow queries are counted, and not logged: {problem}.",
            hint="Name a file that this user may write with MONITORING['SLOW_QUERY_LOG'], or set "
            "it to '' for no log.",
            id="monitoring.W014",
        )
    ]


@register("monitoring")
def check_redis(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = usable_settings()
    if not chosen.REDIS_URL or redis_client.has_redis_py():
        return []
    return [
        Error(
            "MONITORING['REDIS_URL'] is set, and there is no client for Redis.",
            hint="pip install redis",
            id="monitoring.E004",
        )
    ]


@register("monitoring")
def check_alert_hook(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = usable_settings()
    problem = problem_of_function(chosen.ALERT_HOOK) if chosen.ALERT_HOOK else ""
    if not problem:
        return []
    return [
        Error(
            f"MONITORING['ALERT_HOOK'] is {chosen.ALERT_HOOK!r}, which {problem}.",
            hint="Name a function that takes an AlertEvent, such as 'shop.pager.tell'.",
            id="monitoring.E005",
        )
    ]


@register("monitoring")
def check_dotted_paths(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = usable_settings()
    named = [("HEALTH_CHECKS", path) for path in dict(chosen.HEALTH_CHECKS).values()]
    named += [("COLLECTORS", path) for path in chosen.COLLECTORS]
    return [
        Error(
            f"MONITORING[{setting!r}] has {path!r}, which {problem}.",
            hint="Name a function or a class by its dotted path, such as 'shop.health.payments'.",
            id="monitoring.E008",
        )
        for setting, path in named
        if (problem := problem_of_function(path))
    ]


def problem_of_function(path: str, *, may_be_async: bool = True) -> str:
    try:
        found = import_string(path)
    except Exception as error:  # of the project's module
        return f"cannot be imported ({error})"
    if not callable(found):
        return "is not a function"
    return "" if may_be_async or not iscoroutinefunction(found) else "is an async function"


@register("monitoring")
def check_health_databases(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    known = configured_aliases()
    return [
        Error(
            f"MONITORING['HEALTH_DATABASES'] names {alias!r}, which DATABASES has not.",
            hint=f"DATABASES has {', '.join(known) or 'none'}.",
            id="monitoring.E009",
        )
        for alias in usable_settings().HEALTH_DATABASES
        if alias not in known
    ]


@register("monitoring")
def check_health_roles(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    chosen = usable_settings()
    known = [*own_checks_with(*HealthRole), *dict(chosen.HEALTH_CHECKS)]
    roles = {"HEALTH_CRITICAL": chosen.HEALTH_CRITICAL, "HEALTH_READY": chosen.HEALTH_READY}
    return [
        checks.Warning(
            f"MONITORING[{setting!r}] names the health check {name!r}, which there is not.",
            hint=f"Known are {', '.join(known)}; checks of your own are named in HEALTH_CHECKS.",
            id="monitoring.W007",
        )
        for setting, names in roles.items()
        for name in names
        if name not in known
    ]


@register("monitoring")
def check_early_metrics(app_configs: AppConfigs, **kwargs: Any) -> list[CheckMessage]:
    early = sorted(set(values_of_other_classes()))
    if not early:
        return []
    return [
        checks.Warning(
            f"These metrics were built before the app was set up and are not shared by the "
            f"processes: {', '.join(early[:10])}{' …' if len(early) > 10 else ''}.",
            hint="Put this app first in INSTALLED_APPS, or call monitoring.storage.install() "
            "before the module that builds them is imported.",
            id="monitoring.W003",
        )
    ]
