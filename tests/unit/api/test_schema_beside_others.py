"""Our OpenAPI schema and the project's own leave each other alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.host_site import HostSite

SPECTACULAR = """
INSTALLED_APPS += ["drf_spectacular"]
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
"""
# With the names that ours have: a view, serializers, fields with other choices.
OWN_VIEW = """
from rest_framework import generics, serializers

class NotificationSerializer(serializers.Serializer):
    source = serializers.ChoiceField(choices=["shop", "till"])
    status = serializers.ChoiceField(choices=["open", "closed"])
    severity = serializers.ChoiceField(choices=["mild", "wild"])

class ThresholdsSerializer(serializers.Serializer):
    source = serializers.ChoiceField(choices=["here", "there"])

class Thresholds(generics.RetrieveAPIView):
    serializer_class = ThresholdsSerializer

class Notifications(generics.CreateAPIView):
    serializer_class = NotificationSerializer

urlpatterns += [
    path("shop/", Notifications.as_view()),
    path("thresholds/", Thresholds.as_view()),
]
"""
YASG = """
INSTALLED_APPS += ["drf_yasg"]
SWAGGER_SETTINGS = {"DEFAULT_INFO": "host_urls.info"}
"""
INFO = """
from drf_yasg import openapi
info = openapi.Info(title="Shop", default_version="1")
"""
ASK = """
answer = admin.get({path!r})
print(answer.status_code, answer.content.decode())
"""
OURS = {
    f"/api/{path}/"
    for path in (
        "alerts/webhook",
        "metrics",
        "metrics/cache",
        "metrics/check-alerts",
        "metrics/database",
        "metrics/series",
        "metrics/thresholds",
        "notifications",
        "notifications/{id}/read",
        "schema",
    )
}


def our_schema(host: HostSite, path: str = "/api/schema/") -> dict[str, Any]:
    status, text = host.script(ASK.format(path=path)).split(" ", 1)
    assert status == "200", text
    schema: dict[str, Any] = json.loads(text)
    return schema


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "REST_FRAMEWORK = {'DEFAULT_SCHEMA_CLASS': 'rest_framework.schemas.openapi.AutoSchema'}",
        SPECTACULAR,
        SPECTACULAR + "SPECTACULAR_SETTINGS = {'SCHEMA_PATH_PREFIX': '/api/metrics',"
        " 'SCHEMA_PATH_PREFIX_TRIM': True, 'PREPROCESSING_HOOKS': ['host_hooks.nothing'],"
        " 'POSTPROCESSING_HOOKS': ['host_hooks.fails'], 'CAMELIZE_NAMES': True}",
    ],
    ids=["no-rest-framework-settings", "drf", "spectacular", "spectacular-with-hooks"],
)
def test_whatever_generator_the_project_has_ours_describes_ours(
    settings: str, tmp_path: Path
) -> None:
    (tmp_path / "host_hooks.py").write_text(
        "def nothing(endpoints):\n    return []\n\ndef fails(**_):\n    raise RuntimeError\n"
    )
    schema = our_schema(HostSite(tmp_path, settings, OWN_VIEW))
    assert set(schema["paths"]) == OURS
    thresholds = schema["paths"]["/api/metrics/thresholds/"]["put"]
    assert thresholds["operationId"] == "change_thresholds"
    assert "covered_seconds" in schema["components"]["schemas"]["Window"]["properties"]
    webhook = schema["paths"]["/api/alerts/webhook/"]["post"]
    (scheme,) = webhook["security"][0]
    assert schema["components"]["securitySchemes"][scheme]["scheme"] == "bearer"


def test_paths_are_what_a_client_asks_for(tmp_path: Path) -> None:
    urls = "urlpatterns += [path('<str:tenant>/ops/', include('monitoring.urls'))]"
    host = HostSite(tmp_path, "FORCE_SCRIPT_NAME = '/site'", urls)
    assert set(our_schema(host)["paths"]) == {f"/site{path}" for path in OURS}
    other = our_schema(host, "/acme/ops/schema/")
    assert set(other["paths"]) == {path.replace("/api/", "/site/acme/ops/") for path in OURS}


def test_the_framework_s_own_generator_lists_the_project_s_endpoints_only(tmp_path: Path) -> None:
    drf = "REST_FRAMEWORK = {'DEFAULT_SCHEMA_CLASS': 'rest_framework.schemas.openapi.AutoSchema'}"
    done = HostSite(tmp_path, drf, OWN_VIEW).manage("generateschema", "--format=openapi-json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["paths"]) == {"/shop/", "/thresholds/"}


def test_a_prefix_that_captures_something_is_no_argument_of_ours(tmp_path: Path) -> None:
    urls = "urlpatterns += [path('<str:tenant>/ops/', include('monitoring.urls'))]"
    paths = ("health/live/", "metrics/prometheus/", "metrics/thresholds/", "notifications/")
    script = f"for path in {paths}:\n    print(admin.get('/acme/ops/' + path).status_code)"
    assert HostSite(tmp_path, urls=urls).script(script).split() == ["200"] * len(paths)


@pytest.mark.parametrize("listed", [False, True])
def test_drf_spectacular_finds_nothing_to_warn_of(listed: bool, tmp_path: Path) -> None:
    settings = f"{SPECTACULAR}MONITORING = {{'SCHEMA_IN_PROJECT': {listed}}}\n"
    host = HostSite(tmp_path, settings, OWN_VIEW)
    done = host.manage("spectacular", "--fail-on-warn", "--validate", "--format=openapi-json")
    assert done.returncode == 0, done.stderr
    paths = set(json.loads(done.stdout)["paths"])
    assert paths == {"/shop/", "/thresholds/"} | (OURS if listed else set())


def test_a_project_that_lists_ours_may_use_the_framework_s_generator(tmp_path: Path) -> None:
    settings = (
        "REST_FRAMEWORK = {'DEFAULT_SCHEMA_CLASS': 'rest_framework.schemas.openapi.AutoSchema'}\n"
        "MONITORING = {'SCHEMA_IN_PROJECT': True}"
    )
    done = HostSite(tmp_path, settings, OWN_VIEW).manage("generateschema", "--format=openapi-json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["paths"]) == {"/shop/", "/thresholds/"} | OURS


def test_drf_yasg_lists_the_project_s_endpoints_only(tmp_path: Path) -> None:
    done = HostSite(tmp_path, YASG, OWN_VIEW + INFO).manage(
        "generate_swagger", "--format=json", "--api-version=1", "--mock-request",
        "--url=http://localhost/",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    swagger = json.loads(done.stdout)
    paths = {swagger["basePath"].rstrip("/") + path for path in swagger["paths"]}
    assert paths == {"/shop/", "/thresholds/"}
