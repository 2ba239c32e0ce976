"""`manage.py health`: the answer of `/api/health/`, for containers and people."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring.conf import get_settings
from monitoring.errors import MonitoringError
from monitoring.health import catalogue
from monitoring.health.examiner import examiner
from monitoring.health.findings import Status, to_json, to_text

EXIT = {Status.HEALTHY: 0, Status.DEGRADED: 1, Status.UNHEALTHY: 2}


class Command(BaseCommand):
    help = "Check the site's dependencies; exit status 0 healthy, 1 degraded, 2 unhealthy."
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own declaration)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="append",
            metavar="NAME",
            help="only this check; may be given several times",
        )
        parser.add_argument(
            "--ready", action="store_true", help="what /api/health/ready/ covers (HEALTH_READY)"
        )
        parser.add_argument("--text", action="store_true", help="lines of text instead of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            settings = get_settings()
            critical = settings.HEALTH_READY if options["ready"] else settings.HEALTH_CRITICAL
            if options["check"]:
                checks = catalogue.checks_named(options["check"])
            else:
                wanted = settings.HEALTH_READY if options["ready"] else catalogue.covered_names()
                checks = catalogue.checks_of_settings(wanted)
            report = examiner().examine(checks, critical)
        except MonitoringError as error:
            raise CommandError(str(error), returncode=2) from error
        shown = to_text(report) if options["text"] else json.dumps(to_json(report), indent=2)
        self.stdout.write(shown.rstrip("\n"))
        if report.status != Status.HEALTHY:
            self.stdout.flush()
            sys.exit(EXIT[report.status])
