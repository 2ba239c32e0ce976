"""`manage.py check` finds each misconfiguration and says what to do."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings
from django.urls import include, path
from django.views.generic import RedirectView

from monitoring.checks.configuration import check_directory
from monitoring.instruments.databases.log_place import _ensured_default
from monitoring.storage.one_host import Host, mark
from tests import platforms
from tests.paths import ROOT

MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
TRACER = "opentelemetry.instrumentation.django.middleware.otel_middleware._DjangoMiddleware"
OURS = path("api/", include("monitoring.urls"))
COMMON = "django.middleware.common.CommonMiddleware"


def found() -> list[str]:
    return [message.id or "" for message in messages()]


def messages() -> list[CheckMessage]:
    """All but what the system itself lacks, which each project is told."""
    return [each for each in run_checks(tags=["monitoring"]) if each.id != "monitoring.I002"]


def test_what_the_system_lacks_is_told_once() -> None:
    ids = [each.id for each in run_checks(tags=["monitoring"])]
    assert ids.count("monitoring.I002") == (platforms.tested() == "windows")


def test_the_reference_project_has_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ([COMMON], ["monitoring.W001"]),
        ([COMMON, MIDDLEWARE], ["monitoring.W002"]),
        ([TRACER, MIDDLEWARE, COMMON], []),
        ([TRACER, COMMON, MIDDLEWARE], ["monitoring.W002"]),
        ([MIDDLEWARE, COMMON, MIDDLEWARE], ["monitoring.E002"]),
    ],
)
def test_the_middleware_is_there_once_and_first(middleware: list[str], ids: list[str]) -> None:
    with override_settings(MIDDLEWARE=middleware):
        assert found() == ids


def test_every_bad_setting_is_reported() -> None:
    with override_settings(MONITORING={"MAX_ROUTES": 0, "NOPE": 1}):
        assert found() == ["monitoring.E001", "monitoring.E001"]


def test_an_unknown_setting_is_named_with_the_nearest_that_there_is() -> None:
    with override_settings(MONITORING={"SLOW_REQUESTS_MS": 100}):
        (message,) = messages()
    assert "SLOW_REQUESTS_MS" in message.msg
    assert "SLOW_REQUEST_MS" in message.msg.replace("SLOW_REQUESTS_MS", "")


def test_a_metrics_directory_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    missing = tmp_path / "file" / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(missing))
    (message,) = messages()
    assert message.id == "monitoring.E003"
    assert str(missing) in message.msg


def test_a_slow_query_log_that_cannot_be_written_is_warned_of_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for log, ids in (
        (tmp_path / "new" / "slow.log", []),
        (tmp_path / "file" / "slow.log", ["monitoring.W014"]),
        (tmp_path, ["monitoring.W014"]),
        ("", []),
    ):
        with override_settings(MONITORING={"SLOW_QUERY_LOG": str(log)}):
            assert found() == ids
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_metrics_directory_that_another_host_uses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    mark(tmp_path)
    assert found() == []
    mark(tmp_path, Host("web2", "another-kernel"))
    (message,) = messages()
    assert message.id == "monitoring.W006"
    assert "'web2'" in message.msg
    assert message.hint is not None


def test_a_metrics_directory_on_a_network_file_system_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, mounts = tmp_path / "metrics", tmp_path / "mountinfo"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(directory))
    mounts.write_text(f"30 22 0:26 / {tmp_path.resolve()} rw shared:1 - nfs4 host:/srv rw\n")
    (message,) = check_directory(None, mounts=mounts)
    assert message.id == "monitoring.W005"
    assert "nfs4" in message.msg


def test_every_check_is_in_the_documentation_and_tried_here() -> None:
    source = "".join(path.read_text() for path in (ROOT / "monitoring/checks").glob("*.py"))
    ids = set(re.findall(r"monitoring\.[EIW]\d{3}", source))
    assert len(ids) >= 11
    assert ids == set(re.findall(r"monitoring\.[EIW]\d{3}", (ROOT / "docs/checks.md").read_text()))
    tried = Path(__file__).read_text() + "".join(
        (ROOT / f"tests/unit/api/test_{name}.py").read_text()
        for name in ("unmigrated", "core_alone")
    )
    assert ids == set(re.findall(r"monitoring\.[EIW]\d{3}", tried))


@pytest.mark.needs("owners")
def test_a_metrics_directory_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert found() == ["monitoring.E003"]


@pytest.mark.needs("owners")
def test_a_metrics_directory_of_another_user_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(tmp_path, 65534, 65534)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert found() == ["monitoring.W015"]


def test_looking_for_the_slow_query_log_makes_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(BASE_DIR=tmp_path, MONITORING={}):
        assert found() == []
        made = _ensured_default(create=False)
    assert not made.parent.exists()


@pytest.mark.parametrize("hook", ["no.such.module", "monitoring.conf.nothing", "os.sep"])
def test_a_hook_that_cannot_be_called_is_an_error(hook: str) -> None:
    with override_settings(MONITORING={"ALERT_HOOK": hook}):
        assert found() == ["monitoring.E005"]
    with override_settings(MONITORING={"ALERT_HOOK": "os.getpid"}):
        assert found() == []


@pytest.mark.parametrize("path", ["no.such.module", "monitoring.conf.nothing", "os.sep"])
def test_a_dotted_path_that_leads_nowhere_is_an_error(path: str) -> None:
    for given in ({"HEALTH_CHECKS": {"own": path}}, {"COLLECTORS": [path]}):
        with override_settings(MONITORING=given):
            (message,) = messages()
        assert message.id == "monitoring.E008"
        assert path in message.msg
    with override_settings(
        MONITORING={"HEALTH_CHECKS": {"own": "os.getpid"}, "COLLECTORS": ["os.getpid"]}
    ):
        assert found() == []


def test_a_health_database_that_there_is_not_is_an_error() -> None:
    with override_settings(MONITORING={"HEALTH_DATABASES": ["default", "defualt"]}):
        (message,) = messages()
    assert message.id == "monitoring.E009"
    assert "'defualt'" in message.msg


def test_a_relative_metrics_directory_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "metrics")
    assert found() == ["monitoring.W010"]


@pytest.mark.parametrize("setting", ["HEALTH_CRITICAL", "HEALTH_READY"])
def test_a_role_for_a_health_check_that_there_is_not_is_named(setting: str) -> None:
    with override_settings(MONITORING={setting: ["database", "databse"]}):
        told = messages()
    assert [message.id for message in told] == ["monitoring.W007"]
    assert setting in told[0].msg
    assert "'databse'" in told[0].msg
    own = {"HEALTH_CHECKS": {"payments": "os.getpid"}, setting: ["payments"]}
    with override_settings(MONITORING=own):
        assert found() == []


def test_a_short_webhook_token_is_refused_and_not_shown() -> None:
    with override_settings(MONITORING={"WEBHOOK_TOKEN": "fifteen-letters"}):
        told = messages()
    assert [message.id for message in told] == ["monitoring.E001"]
    assert "fifteen" not in told[0].msg


def test_probes_that_are_redirected_to_https_are_named() -> None:
    with override_settings(SECURE_SSL_REDIRECT=True):
        (message,) = messages()
    assert message.id == "monitoring.W011"
    assert "/api/health/ready/" in message.msg
    hint = (message.hint or "").removeprefix("SECURE_REDIRECT_EXEMPT = ").partition(";")[0]
    exempt = ast.literal_eval(hint)
    with override_settings(SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=exempt):
        assert found() == []


def test_urls_below_a_language_are_told() -> None:
    with urls(*i18n_patterns(OURS)):
        assert found() == ["monitoring.W012"]


def test_urls_that_hide_each_other_are_named() -> None:
    theirs = path("api/schema/", RedirectView.as_view(url="/"))
    with urls(OURS, theirs):
        (message,) = messages()
    assert message.id == "monitoring.W013"
    assert "hides a URL of the project" in message.msg
    with urls(theirs, OURS):
        (message,) = messages()
    assert "hides the endpoint 'schema' of monitoring.urls" in message.msg
    with urls(path("monitoring/", include("monitoring.urls")), theirs):
        assert found() == []


def test_the_urls_without_the_app_are_an_error_that_names_it() -> None:
    script = """
from django.conf import settings
settings.configure(ROOT_URLCONF="monitoring.urls")
import django
django.setup()
from django.core.management import call_command
call_command("check")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "ImproperlyConfigured" in last
    assert "'multiprocess_exporter' is not in INSTALLED_APPS" in last


def urls(*patterns: object) -> override_settings:
    conf = ModuleType("urls")
    conf.urlpatterns = patterns  # type: ignore[attr-defined]
    return override_settings(ROOT_URLCONF=conf)


def test_an_admin_that_stands_first_hides_unread_alerts() -> None:
    last = [*(app for app in settings.INSTALLED_APPS if app != "monitoring"), "monitoring"]
    with override_settings(INSTALLED_APPS=last):
        assert found() == ["monitoring.W004"]


@pytest.mark.parametrize(
    ("templates", "ids"),
    [
        ({"base_site": '{% extends "admin/base_site.html" %}'}, []),
        ({"base_site": '{% extends "admin/base.html" %}'}, []),
        ({"base": '{% extends "admin/base.html" %}'}, []),
        ({"base_site": "{% load monitoring_alerts %}{% unread_alerts %}"}, []),
        ({"base_site": '{% extends "admin/other.html" %}', "other": ""}, ["monitoring.W004"]),
        ({"base": "{% block messages %}{% endblock %}"}, ["monitoring.W004"]),
        ({"base": '{% extends chosen|default:"" %}'}, []),
    ],
)
def test_templates_of_the_site_or_a_theme_that_hide_unread_alerts_are_named(
    templates: dict[str, str], ids: list[str], tmp_path: Path
) -> None:
    (tmp_path / "admin").mkdir()
    for name, text in templates.items():
        (tmp_path / "admin" / f"{name}.html").write_text(text)
    engines = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    with override_settings(TEMPLATES=engines):
        told = messages()
    assert [message.id for message in told] == ids
    assert all(f"{tmp_path}/admin/" in message.msg for message in told)


@pytest.mark.parametrize(
    ("base", "ids"),
    [
        ("{% block page %}{% endblock %}", ["monitoring.W004"]),
        ("{% block page %}{% block messages %}{% endblock %}{% endblock %}", []),
    ],
)
def test_a_theme_without_any_of_django_s_blocks_for_them_is_named(
    base: str, ids: list[str], tmp_path: Path
) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base.html").write_text(base)
    ours_first = [ROOT / "monitoring/templates", tmp_path]
    with override_settings(TEMPLATES=[{**settings.TEMPLATES[0], "DIRS": ours_first}]):
        told = messages()
    assert [message.id for message in told] == ids
    assert all(f"{tmp_path}/admin/" in message.msg for message in told)


def test_a_project_without_the_admin_hears_nothing_of_it() -> None:
    apps = [app for app in settings.INSTALLED_APPS if app != "django.contrib.admin"]
    with override_settings(INSTALLED_APPS=apps):
        assert found() == []


@pytest.mark.parametrize("function", ["no.such.module", "monitoring.conf.nothing", "os.sep"])
@pytest.mark.parametrize("name", ["users", "is_admin"])
def test_a_function_of_admins_that_cannot_be_called_is_an_error(name: str, function: str) -> None:
    good = {"users": "os.getpid", "is_admin": "os.getpid"}
    with override_settings(MONITORING={"ADMINS": {**good, name: function}}):
        (message,) = messages()
    assert message.id == "monitoring.E007"
    assert name in message.msg
    with override_settings(MONITORING={"ADMINS": good}):
        assert found() == []


def test_a_user_model_that_is_not_installed_is_an_error() -> None:
    with override_settings(AUTH_USER_MODEL="nowhere.User"):
        (message,) = messages()
    assert message.id == "monitoring.E006"
    assert "'nowhere.User'" in message.msg


def test_a_user_model_without_is_staff_leaves_nobody_as_an_admin() -> None:
    with override_settings(AUTH_USER_MODEL="auth.Group"):
        (message,) = messages()
        assert message.id == "monitoring.W008"
        assert "is_staff and no is_active" in message.msg
        functions = {"users": "os.getpid", "is_admin": "os.getpid"}
        with override_settings(MONITORING={"ADMINS": functions}):
            assert found() == []


def test_redis_without_its_client_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(MONITORING={"REDIS_URL": "redis://127.0.0.1"}):
        assert found() == []
        monkeypatch.setitem(sys.modules, "redis", None)
        assert found() == ["monitoring.E004"]


def test_a_metric_built_before_the_app_is_set_up_is_named() -> None:
    script = (
        "import os, django\n"
        "from prometheus_client import Counter\n"
        "Counter('too_early', 'Built before setup.')\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'\n"
        "django.setup()\n"
        "from django.core.checks import CheckMessage, run_checks\n"
        "print(*run_checks(tags=['monitoring']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "too_early" in done.stdout
    assert "monitoring.W003" in done.stdout
