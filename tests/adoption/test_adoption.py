"""The README's lines are enough, on every kind of worker and beside what hosts have already."""

from pathlib import Path

import pytest

from tests.adoption.host import Environment, Host, Server, adopt
from tests.adoption.readme import HEADING, documented_lines
from tests.paths import ROOT
from tests.servers.exposition import requests_by_series, series

TIMES = 30
HELLO = ("GET", "/hello/<int:number>/", "200")

# What was there before: its own measuring, around everything.
BESIDE = """
INSTALLED_APPS = ["django_prometheus", *INSTALLED_APPS]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    *MIDDLEWARE,
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
"""
# A host whose own API is closed, throttled, paged, and speaks of errors in its own way.
REST = """
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication"
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.StaticHTMLRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.FormParser"],
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"anon": "1/day"},
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "EXCEPTION_HANDLER": "mysite.errors.handle",
}
"""
USERS = """
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken
for name, staff in (("anna", True), ("ben", False)):
    print(AccessToken.for_user(User.objects.create_user(name, is_staff=staff)))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, environment: Environment) -> Host:
    return adopt(tmp_path_factory.mktemp("host") / "site", environment)


def assert_counted(server: Server) -> None:
    server.visit("/hello/7/", TIMES)
    assert requests_by_series(server.scrape())[HELLO] == TIMES


def test_the_lines_are_few() -> None:
    lines = documented_lines()
    text = "\n".join((lines.settings, lines.urls, lines.gunicorn))
    assert len([line for line in text.splitlines() if line]) <= 6


def test_the_lines_are_enough_and_check_finds_nothing(host: Host) -> None:
    assert "no issues" in host.manage("check")
    with host.serve() as server:
        assert_counted(server)


def test_the_readme_and_check_tell_a_host_to_migrate(
    environment: Environment, tmp_path: Path
) -> None:
    section = (ROOT / "README.md").read_text().partition(HEADING)[2]
    assert "python manage.py migrate" in section.partition("Start gunicorn")[0]
    host = adopt(tmp_path / "site", environment)
    assert "no issues" in host.manage("check")
    of_database = ("check", "--database", "default")
    assert "no issues" not in host.manage(*of_database)
    host.manage("migrate")
    assert "no issues" in host.manage(*of_database)


@pytest.mark.parametrize(
    ("options", "app"),
    [
        (["--preload"], "mysite.wsgi"),
        (["-k", "gthread", "--threads", "4"], "mysite.wsgi"),
        (["-k", "gevent"], "mysite.wsgi"),
        (["-k", "asgi"], "mysite.asgi"),
    ],
    ids=["preload", "gthread", "gevent", "asgi"],
)
def test_every_kind_of_worker_is_counted(options: list[str], app: str, host: Host) -> None:
    with host.serve(*options, app=app) as server:
        assert_counted(server)


def test_beside_django_prometheus_both_count(environment: Environment, tmp_path: Path) -> None:
    host = adopt(tmp_path / "site", environment, BESIDE)
    host.add("mysite/urls.py", 'urlpatterns += [path("", include("django_prometheus.urls"))]')
    # Ours is outermost, as documented.
    assert "no issues" in host.manage("check")
    with host.serve() as server:
        assert_counted(server)
        theirs = series("django_http_requests_total_by_method_total", method="GET")
        assert server.scrape()[theirs] >= TIMES  # theirs are on slots as well, and add up
        status, text = server.ask("/metrics")
        assert status == 200
        assert "django_http_requests_total_by_method_total" in text


def test_a_rest_framework_host_keeps_its_settings_and_we_keep_ours(
    environment: Environment, tmp_path: Path
) -> None:
    host = adopt(tmp_path / "site", environment, REST)
    host.add(
        "mysite/errors.py",
        "from rest_framework.response import Response\n\n"
        "def handle(error, context):\n    return Response({}, status=418)",
    )
    host.add(
        "mysite/urls.py",
        "from rest_framework.views import APIView\n"
        'urlpatterns += [path("own/", APIView.as_view())]',
    )
    host.manage("migrate", "--verbosity", "0")
    anna, ben = host.manage("shell", "--verbosity", "0", "--command", USERS).split()[-2:]
    with host.serve() as server:
        for _ in range(3):  # the host's throttle is not ours
            status, answer = server.json("/api/metrics/")
            assert (status, answer["error"]["code"]) == (401, "not_authenticated")
        assert server.json("/api/metrics/", bearer(ben))[0] == 403
        status, answer = server.json("/api/metrics/?window=5m", bearer(anna))
        assert (status, answer["source"]) == (200, "local")
        assert server.json("/api/health/")[0] == 200
        status, text = server.ask("/own/")
        assert (status, text.startswith("418")) == (418, True)
        assert_counted(server)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
