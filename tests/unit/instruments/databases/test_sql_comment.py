"""With SQL_COMMENTS, the database server's own log shows which request asked for a statement."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from monitoring.instruments.databases.normalise import fingerprint, normalise
from monitoring.instruments.databases.recorder import QueryRecorder
from monitoring.instruments.databases.sql_comment import commented
from monitoring.instruments.databases.trackers import begin_request, end_request, request_tracker
from monitoring.metrics.database_families import database_metrics

MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ROUTE = "route='%2Flook%2F%3Cint%3Apk%3E%2F'"

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

STATEMENTS: tuple[tuple[str, Any, list[Any]], ...] = (
    ("SELECT 1", None, [(1,)]),
    ("SELECT %s, '100%%'", ["5%"], [("5%", "100%")]),
    ("SELECT '5%'", None, [("5%",)]),
    ("SELECT 2;", None, [(2,)]),
)


def look(request: HttpRequest, pk: int) -> HttpResponse:
    with connection.cursor() as cursor:
        for sql, params, rows in STATEMENTS:
            cursor.execute(sql, params)
            assert cursor.fetchall() == rows
        cursor.execute("CREATE TEMPORARY TABLE noted (a text)")
        cursor.executemany("INSERT INTO noted VALUES (%s)", [["a"], ["b%"]])
        cursor.execute("DROP TABLE noted")
    tracker = request_tracker()
    assert tracker is not None
    return HttpResponse("\n".join(sql for _, _, sql in tracker.statements))


urlpatterns = [path("look/<int:pk>/", look)]


def sent_by(ask: Any) -> list[str]:
    """The statements as the driver gets them."""
    sent: list[str] = []

    def note(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        sent.append(sql)
        return execute(sql, params, many, context)

    metrics = database_metrics()
    recorder = QueryRecorder("default", "sqlite", metrics, 9, double=False, comments=True)
    # The first wrapper is the outermost.
    with connection.execute_wrapper(recorder), connection.execute_wrapper(note):
        ask()
    return sent


def test_each_statement_names_its_route_and_trace_and_gives_the_same_rows() -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(Client().get("/look/5/?a=hunter2", headers={"traceparent": TRACE}))

    with override_settings(MIDDLEWARE=[MIDDLEWARE]):
        sent = sent_by(ask)
    comment = f"/*{ROUTE},traceparent='{TRACE}'*/"
    doubled = comment.replace("%", "%%")  # where the driver takes % for a placeholder
    assert sent[:4] == [
        f"SELECT 1 {comment}",
        f"SELECT %s, '100%%' {doubled}",
        f"SELECT '5%' {comment}",
        f"SELECT 2 {comment};",
    ]
    assert sent[5] == f"INSERT INTO noted VALUES (%s) {doubled}"
    assert "/*" not in answers[0].content.decode()  # as N+1 and the log know it


def test_a_comment_changes_no_fingerprint() -> None:
    plain = normalise('SELECT "a" FROM "t" WHERE "b" = 5', "postgresql", frozenset())
    noted = f'SELECT "a" FROM "t" WHERE "b" = 5 /*{ROUTE}*/'
    for vendor in ("postgresql", "mysql", "sqlite", "oracle"):
        plain = normalise('SELECT "a" FROM "t" WHERE "b" = 5', vendor, frozenset(["a", "t", "b"]))
        found = normalise(noted, vendor, frozenset(["a", "t", "b"]))
        assert fingerprint(found) == fingerprint(plain), vendor


@pytest.mark.parametrize(
    "sql",
    ["SELECT /*+ hint */ 1", "SELECT 1 -- why", b"SELECT 1", object()],
    ids=["hint", "comment", "bytes", "object"],
)
def test_what_has_a_comment_or_is_no_text_stays_as_it_is(sql: Any) -> None:
    request = HttpRequest()
    request.META["HTTP_TRACEPARENT"] = TRACE
    tracker = begin_request(request, 10)
    try:
        assert commented(sql, None) is sql
        assert commented("SELECT 1", None) == f"SELECT 1 /*traceparent='{TRACE}'*/"
    finally:
        end_request(tracker)


def test_without_a_request_and_a_trace_there_is_no_comment() -> None:
    assert sent_by(lambda: connection.cursor().execute("SELECT 1")) == ["SELECT 1"]


def test_mysql_gets_no_comment_with_many_rows_whose_drivers_join_them() -> None:
    """PyMySQL and mysqlclient send one INSERT only if VALUES is the statement's end."""
    metrics = database_metrics()
    sent: list[Any] = []

    def execute(sql: Any, *rest: Any) -> None:
        sent.append(sql)

    request = HttpRequest()
    request.META["HTTP_TRACEPARENT"] = TRACE
    tracker = begin_request(request, 10)
    try:
        for vendor in ("mysql", "postgresql"):
            recorder = QueryRecorder("default", vendor, metrics, 9, double=False, comments=True)
            recorder(execute, "INSERT INTO t VALUES (%s)", [[1], [2]], True, {})
    finally:
        end_request(tracker)
    assert sent == [
        "INSERT INTO t VALUES (%s)",
        f"INSERT INTO t VALUES (%s) /*traceparent='{TRACE}'*/",
    ]
