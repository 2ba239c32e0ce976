"""Asks a database about itself in a process of its own."""

import json
from pathlib import Path
from typing import Any

from tests.database_site.server import SETTINGS
from tests.servers.scripts import run_script

ASK = """
import json, sys, time, dataclasses
import django
django.setup()
from monitoring.backing_services.database_inspection import inspect
from monitoring.backing_services.database_probe import ask
from monitoring.errors import DatabaseUnavailableError

for seconds in map(float, sys.argv[1:]):
    started = time.monotonic()
    try:
        answer = dataclasses.asdict(ask("default", inspect, seconds))
    except DatabaseUnavailableError as error:
        answer = str(error)
    print(json.dumps([answer, time.monotonic() - started]), flush=True)
"""


def ask(work: Path, url: str, *seconds: float) -> list[tuple[Any, float]]:
    """The answers, or error texts, of a process of its own; and the seconds that each took."""
    output = run_script(ASK, *map(str, seconds), work=work, settings=SETTINGS, DATABASE_URL=url)
    return [tuple(json.loads(line)) for line in output.splitlines()]
