"""A slow or repeated query names the line of the project's own code that asked for it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from django.views.generic import TemplateView

from monitoring.conf import Settings
from monitoring.instruments.background import jobs
from monitoring.instruments.databases import caller as room
from monitoring.instruments.databases import report
from monitoring.instruments.databases.caller import caller
from monitoring.instruments.databases.log_place import log_path
from monitoring.instruments.databases.query_log import QueryLog
from monitoring.instruments.databases.recorder import QueryRecorder
from monitoring.instruments.databases.trackers import RequestTracker, begin_request, end_request
from monitoring.metrics.database_families import database_metrics
from monitoring.models import Threshold
from tests.paths import ROOT

MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
HERE = str(Path(__file__).relative_to(ROOT))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db(transaction=True)]


def look(request: HttpRequest, **_: Any) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse()


async def look_async(request: HttpRequest) -> HttpResponse:
    await inner()
    return HttpResponse()


async def inner() -> None:
    await Threshold.objects.acount()


class InTemplate(TemplateView):
    def render_to_response(self, context: Any, **_: Any) -> Any:
        text = Template("{{ rows.count }}").render(Context({"rows": Threshold.objects}))
        return HttpResponse(text)


class OfDjango(TemplateView):
    """All of its frames are Django's, as those of the admin's views are."""

    template_name = "rows.html"
    extra_context = {"rows": Threshold.objects}  # noqa: RUF012


def own_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    def answer(request: HttpRequest) -> Any:
        if request.path == "/early/":
            look(request)
        return get_response(request)

    return answer


urlpatterns = [
    path("look/<int:pk>/", look),
    path("async/", look_async),
    path("template/", InTemplate.as_view()),
    path("django/", OfDjango.as_view()),
    path("early/", lambda request: HttpResponse()),
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                ("django.template.loaders.locmem.Loader", {"rows.html": "{{ rows.count }}"})
            ]
        },
    }
]


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip() == text)


@pytest.fixture
def logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Every query is slow; what was logged of it."""
    settings = Settings(SLOW_QUERY_LOG=str(tmp_path / "slow.log"))
    log = QueryLog(settings)
    place = log_path(settings)
    assert place is not None
    place.unlink(missing_ok=True)
    monkeypatch.setattr(report, "query_log", lambda: log)

    def read() -> list[dict[str, Any]]:
        done = threading.Event()
        jobs.put(done.set, None)
        assert done.wait(20)
        return [json.loads(line) for line in place.read_text().splitlines()]

    recorder = QueryRecorder("default", "sqlite", database_metrics(), 0.0, double=False)
    with connection.execute_wrapper(recorder):
        yield read


def test_a_query_names_its_view_method_and_trace(logged: Any) -> None:
    with override_settings(MIDDLEWARE=[MIDDLEWARE, f"{__name__}.own_middleware"]):
        Client().get("/look/5/", headers={"traceparent": TRACE})
    (line,) = logged()
    number = line_of('cursor.execute("SELECT 1")')
    assert line["caller"] == f"{HERE}:{number}:look"
    assert (line["method"], line["route"]) == ("GET", "/look/<int:pk>/")
    assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


def test_a_query_of_a_template_names_the_code_that_renders_it(logged: Any) -> None:
    with override_settings(MIDDLEWARE=[MIDDLEWARE]):
        Client().get("/template/")
    (line,) = logged()
    assert line["caller"].startswith(f"{HERE}:")
    assert line["caller"].endswith(":InTemplate.render_to_response")
    assert line["trace_id"] is None


def test_a_middleware_around_a_view_is_not_the_caller_of_the_views_query(logged: Any) -> None:
    stack = [MIDDLEWARE, f"{__name__}.own_middleware"]
    with override_settings(MIDDLEWARE=stack, TEMPLATES=TEMPLATES):
        assert Client().get("/django/").content == b"0"
        Client().get("/early/")
    of_view, of_middleware = logged()
    assert of_view["caller"] is None
    assert of_middleware["caller"].endswith(":look")
    assert of_middleware["route"] == "_middleware"


SYNC = f"{__name__}.own_middleware"


@pytest.mark.parametrize("stack", [[MIDDLEWARE], [MIDDLEWARE, SYNC]], ids=["async", "sync"])
@pytest.mark.parametrize("server", ["asgi", "wsgi"])
def test_a_query_that_is_awaited_names_the_line_that_awaits_it(
    logged: Any, server: str, stack: list[str]
) -> None:
    """Also below a middleware that is sync only, and under WSGI: the view has a task of its own."""
    with override_settings(MIDDLEWARE=stack):
        if server == "asgi":
            async_to_sync(AsyncClient().get)("/async/")
        else:
            Client().get("/async/")
    (line,) = logged()
    number = line_of("await Threshold.objects.acount()")
    assert line["caller"] == f"{HERE}:{number}:inner"
    assert line["route"] == "/async/"


def test_outside_of_a_request_a_query_names_its_caller_and_no_route(logged: Any) -> None:
    look(HttpRequest())
    (line,) = logged()
    assert line["caller"].endswith(":look")
    assert (line["method"], line["route"], line["trace_id"]) == (None, None, None)


def test_a_repeated_query_names_its_caller_once_it_was_run_too_often() -> None:
    tracker = begin_request(HttpRequest(), 3)
    for _ in range(3):
        tracker.add("default", "sqlite", "SELECT 1", 0.0)
    assert not tracker.callers
    tracker.add("default", "sqlite", "SELECT 1", 0.0)
    (found,) = (tracker.callers or {}).values()
    assert found is not None
    assert found.startswith(f"{HERE}:")
    end_request(tracker)


def test_composed_statements_are_found_as_repeated() -> None:
    sql = pytest.importorskip("psycopg.sql")
    tracker = RequestTracker(None, HttpRequest(), 2)
    for number in range(3):
        composed = sql.SQL("SELECT {} FROM {}").format(sql.Literal(number), sql.Identifier("t"))
        tracker.add("default", "postgresql", composed, 0.0)
    tracker.add("default", "postgresql", b"SELECT 2", 0.0)
    tracker.add("default", "postgresql", object(), 0.0)
    assert tracker.statements == {
        ("default", "postgresql", 'SELECT ? FROM "t"'): 3,
        ("default", "postgresql", "SELECT 2"): 1,
    }
    assert list(tracker.callers or ()) == [("default", "postgresql", 'SELECT ? FROM "t"')]


def test_a_file_outside_of_base_dir_is_named_by_its_end_and_a_library_not_at_all() -> None:
    assert room._name_of("/srv/shop/apps/orders/views.py") == "apps/orders/views.py"
    assert room._name_of("/x/.venv/lib/python3.12/site-packages/django/db/models/query.py") is None
    assert room._name_of("/usr/lib/python3/dist-packages/django/db/models/query.py") is None
    assert room._name_of("/x.py") == "x.py"
    assert room._name_of("/srv/caf\udce9/views.py") == "srv/caf?/views.py"
    for odd in ("", "http://user:secret@host/x.py", "http:/user:secret@host/x.py", "SELECT\n'a'"):
        assert room._name_of(odd) is None
    assert len(room._name_of(f"/srv/{'x' * 900}/views.py") or "") <= 150
    assert room._name_of("<frozen importlib._bootstrap>") is None
    assert room._name_of(asyncio.__file__) is None
    assert room._name_of(room.__file__) is None
    with override_settings(BASE_DIR=ROOT):
        room._name_of.cache_clear()
        assert room._name_of(__file__) == HERE


def test_a_deep_stack_ends_somewhere() -> None:
    def deep(levels: int) -> str | None:
        return caller() if levels == 0 else deep(levels - 1)

    assert deep(300) is not None


def test_what_is_too_long_for_a_file_is_none() -> None:
    scope: dict[str, Any] = {"caller": caller}
    exec(compile("def ask(): return caller()", "/srv/" + "x" * 300_000, "exec"), scope)
    found = scope["ask"]()
    assert found is not None
    assert found.startswith(f"{HERE}:")
