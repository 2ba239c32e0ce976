"""Questions to a database: on connections of monitoring's own, which are never counted."""

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.backing_services.database_probe import ask
from tests.servers.ports import wait_for
from tests.unit.conftest import RunPython

_SITE = """
import tempfile
from django.conf import settings
work = tempfile.TemporaryDirectory()
settings.configure(DATABASES={
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{work.name}/site.sqlite3"},
    "none": {"ENGINE": "django.db.backends.dummy"},
})
from django.db import connection
from monitoring.backing_services import database_probe
from monitoring.errors import DatabaseUnavailableError
from monitoring.instruments.databases.instrument import instrument_databases
from monitoring.instruments.databases.recorder import QueryRecorder
instrument_databases()
def is_measured(connection):
    database_probe.answers(connection)
    return any(isinstance(each, QueryRecorder) for each in connection.execute_wrappers)
"""


def test_an_own_connection_is_not_measured_and_is_closed_at_the_end(
    run_python: RunPython,
) -> None:
    output = run_python(
        _SITE
        + """
with database_probe.own_connection("default", 30) as own:
    print(is_measured(own))
print(own.connection, is_measured(connection))
"""
    )
    assert output == "False\nNone True\n"


def test_a_question_that_fails_is_an_error_and_its_connection_is_closed(
    run_python: RunPython,
) -> None:
    output = run_python(
        _SITE
        + """
seen = []
def fail(connection):
    seen.append(connection)
    database_probe.answers(connection)
    raise ValueError
try:
    database_probe.ask("default", fail, 30)
except DatabaseUnavailableError as error:
    print(error)
print(database_probe.ask("default", is_measured, 30))  # after the first has been closed
print(seen[0].connection)
"""
    )
    assert output == "default: ValueError\nFalse\nNone\n"


def test_an_alias_without_a_database_is_never_asked(run_python: RunPython) -> None:
    assert run_python(_SITE + "print(database_probe.configured_aliases())") == "['default']\n"


@pytest.mark.django_db
def test_a_question_leaves_no_connection_of_its_thread_open() -> None:
    opened: list[BaseDatabaseWrapper] = []

    def question(connection: BaseDatabaseWrapper) -> None:
        connections["default"].ensure_connection()
        opened.extend((connection, connections["default"]))

    ask("default", question, 5.0)
    # Django's own close() leaves the test run's database in memory open.
    wait_for("both to be closed", lambda: all(each.connection is None for each in opened), 5)
    assert len(set(map(id, opened))) == 2
