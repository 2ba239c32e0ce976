"""A logging configuration that disables the loggers made before it does not silence ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

# dictConfig's default for `disable_existing_loggers` is True, and so is fileConfig's.
HOST = """
import logging.config, sys
from django.conf import settings

LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
settings.configure(LOGGING=LOGGING, INSTALLED_APPS=["monitoring"], DATABASES={})
"""
EARLY = """
from monitoring.gunicorn_hooks import prepare

prepare()
import django

django.setup()
"""
AGAIN = """
import django

django.setup()
django.setup()
"""
LATE = """
import django

django.setup()
from monitoring.alerts import events, outbox
from monitoring.exporter import collectors, server
from monitoring.health import examiner
from monitoring.merging import reader
from monitoring.storage import process_files

logging.config.dictConfig(LOGGING)
for module in (events, outbox, collectors, server, examiner, reader, process_files):
    module.logger.warning("of %s", module.__name__)
"""
REPORT = """
from monitoring.storage.self_report import report_error

try:
    raise ValueError("told")
except ValueError:
    report_error("something of ours failed")
"""


def run(script: str, directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HOST + script + REPORT],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PROMETHEUS_MULTIPROC_DIR": str(directory),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", [EARLY, AGAIN, LATE], ids=["early", "again", "late"])
def test_it_logs_after_a_configuration_that_disables_existing_loggers(
    script: str, metrics_directory: Path
) -> None:
    output = run(script, metrics_directory)
    assert "something of ours failed" in output
    assert "ValueError: told" in output
    if script is LATE:
        assert output.count("of monitoring.") == 7


def test_a_level_silences_it(metrics_directory: Path) -> None:
    level = 'logging.getLogger("monitoring").setLevel(logging.CRITICAL)\n'
    assert run(EARLY + level, metrics_directory) == ""
