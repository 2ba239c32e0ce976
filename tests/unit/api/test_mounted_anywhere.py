"""Middlewares that close, redirect or keep a whole site leave probes and scrapes alone."""

from pathlib import Path

import pytest

from tests.servers.host_site import HostSite

CLOSED = """
MIDDLEWARE.append("django.contrib.auth.middleware.LoginRequiredMiddleware")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^api/"]
MIDDLEWARE.insert(1, "django.middleware.security.SecurityMiddleware")
"""
# A middleware of the project's sets its own Cache-Control, whatever a view says.
CACHED = """
def ten_minutes(get_response):
    def answer(request):
        response = get_response(request)
        response["Cache-Control"] = "max-age=600"
        return response
    return answer

MIDDLEWARE[1:1] = ["django.middleware.cache.UpdateCacheMiddleware", "host_settings.ten_minutes"]
MIDDLEWARE.append("django.middleware.cache.FetchFromCacheMiddleware")
"""
STATUSES = """
for path in ("health/live/", "health/ready/", "health/", "metrics/prometheus/"):
    print(path, anybody.get("/api/" + path).status_code)
print("webhook", anybody.post("/api/alerts/webhook/", "{}", "application/json").status_code)
print("admin", anybody.get("/api/metrics/thresholds/").status_code)
"""
TWICE = """
from monitoring.conf import get_settings
url = "/api/metrics/thresholds/"
print(admin.get(url).status_code, anybody.get(url).status_code)
print(anybody.get("/api/health/live/").json()["timestamp"]
      != anybody.get("/api/health/live/").json()["timestamp"])
print(anybody.get("/api/metrics/prometheus/").content
      != anybody.get("/api/metrics/prometheus/").content)
"""


def test_a_site_that_is_closed_to_strangers_answers_its_probes(tmp_path: Path) -> None:
    found = dict(line.split() for line in HostSite(tmp_path, CLOSED).script(STATUSES).splitlines())
    assert found == {
        "health/live/": "200",
        "health/ready/": "200",
        "health/": "200",
        "metrics/prometheus/": "200",
        "webhook": "401",
        "admin": "401",
    }


def test_a_cache_of_the_whole_site_keeps_no_answer_of_ours(tmp_path: Path) -> None:
    assert HostSite(tmp_path, CACHED).script(TWICE).split() == ["200", "401", "True", "True"]


@pytest.mark.parametrize(
    ("settings", "urls", "expected"),
    [
        ("", "", ""),
        (CLOSED.replace("^api/", "^api/health/"), "", "W011"),
        (CLOSED, "", ""),
        ("SECURE_SSL_REDIRECT = True", "", ""),  # without its middleware
        (
            "",
            "from django.conf.urls.i18n import i18n_patterns\n"
            "urlpatterns = i18n_patterns(*urlpatterns)",
            "W012",
        ),
        ("", "urlpatterns += [path('api/schema/', lambda request: None)]", "W013"),
        ("", "urlpatterns = [path('api/health/', lambda request: None), *urlpatterns]", "W013"),
        ("", "urlpatterns = [path('<path:rest>', lambda request: None), *urlpatterns]", "W013"),
        ("", "urlpatterns += [path('<path:rest>', lambda request: None)]", ""),
        (
            "",
            "from django.urls import re_path\n"
            "more = [re_path('^notifications/(?P<pk>[0-9]+)/read/$', lambda request: None)]\n"
            "urlpatterns += [path('api/', include(more))]",
            "W013",
        ),
        ("", "urlpatterns += [path('api/token/', lambda request: None)]", ""),
        (
            "",
            "from django.urls import register_converter\n"
            "class FromDatabase:\n"
            "    regex = '[a-z]+'\n"
            "    def to_python(self, value): raise LookupError(value)\n"
            "    def to_url(self, value): return value\n"
            "register_converter(FromDatabase, 'shop')\n"
            "urlpatterns = [path('<shop:shop>/health/', lambda request: None), *urlpatterns]",
            "",
        ),
        (
            "",
            "from django.urls import re_path\n"
            "urlpatterns += [re_path(r'^(100%|a.b)/(?:x|y)+/[%]d/(?P<a>.*)$', lambda r: None),"
            " path('api/100%/%s/', lambda request: None)]",
            "",
        ),
        ("ROOT_URLCONF = None", "", ""),
    ],
    ids=[
        "fresh",
        "ssl-redirect",
        "exempt",
        "no-security-middleware",
        "language-prefix",
        "hides",
        "hidden",
        "catch-all-before",
        "catch-all-after",
        "hides-in-an-include",
        "beside",
        "a-converter-that-fails",
        "hard-to-read",
        "no-urls",
    ],
)
def test_check_tells_what_stands_in_the_way(
    settings: str, urls: str, expected: str, tmp_path: Path
) -> None:
    done = HostSite(tmp_path, settings, urls).manage("check", "--tag", "monitoring")
    assert done.returncode == 0, done.stderr
    ids = {line.split(")")[0][-4:] for line in done.stderr.splitlines() if "(monitoring.W" in line}
    # Since 6.1, Django asks for the tables as well when a tag is given.
    assert ids - {"W009"} == ({expected} if expected else set())
