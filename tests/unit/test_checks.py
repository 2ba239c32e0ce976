"""`manage.py check` finds each misconfiguration and says what to do."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

from monitoring.checks import check_directory
from monitoring.storage.directory import Host, mark
from tests.paths import ROOT

MIDDLEWARE = "monitoring.middleware.PerformanceMonitoringMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def found() -> list[str]:
    return [message.id or "" for message in run_checks(tags=["monitoring"])]


def test_the_reference_project_has_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("middleware", "ids"),
    [
        ([COMMON], ["monitoring.W001"]),
        ([COMMON, MIDDLEWARE], ["monitoring.W002"]),
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
        (message,) = run_checks(tags=["monitoring"])
    assert "SLOW_REQUESTS_MS" in message.msg
    assert "SLOW_REQUEST_MS" in message.msg.replace("SLOW_REQUESTS_MS", "")


def test_a_metrics_directory_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    missing = tmp_path / "file" / "metrics"
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(missing))
    (message,) = run_checks(tags=["monitoring"])
    assert message.id == "monitoring.E003"
    assert str(missing) in message.msg


def test_a_metrics_directory_that_another_host_uses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    mark(tmp_path)
    assert found() == []
    mark(tmp_path, Host("web2", "another-kernel"))
    (message,) = run_checks(tags=["monitoring"])
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
    ids = set(re.findall(r"monitoring\.[EW]\d{3}", (ROOT / "monitoring/checks.py").read_text()))
    assert len(ids) >= 11
    assert ids == set(re.findall(r"monitoring\.[EW]\d{3}", (ROOT / "docs/checks.md").read_text()))
    assert ids == set(re.findall(r"monitoring\.[EW]\d{3}", Path(__file__).read_text()))


def test_a_metrics_directory_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert found() == ["monitoring.E003"]


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
            (message,) = run_checks(tags=["monitoring"])
        assert message.id == "monitoring.E010"
        assert path in message.msg
    with override_settings(
        MONITORING={"HEALTH_CHECKS": {"own": "os.getpid"}, "COLLECTORS": ["os.getpid"]}
    ):
        assert found() == []


def test_a_health_database_that_there_is_not_is_an_error() -> None:
    with override_settings(MONITORING={"HEALTH_DATABASES": ["default", "defualt"]}):
        (message,) = run_checks(tags=["monitoring"])
    assert message.id == "monitoring.E011"
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
        messages = run_checks(tags=["monitoring"])
    assert [message.id for message in messages] == ["monitoring.W007"]
    assert setting in messages[0].msg
    assert "'databse'" in messages[0].msg
    own = {"HEALTH_CHECKS": {"payments": "os.getpid"}, setting: ["payments"]}
    with override_settings(MONITORING=own):
        assert found() == []


def test_a_short_webhook_token_is_refused_and_not_shown() -> None:
    with override_settings(MONITORING={"WEBHOOK_TOKEN": "fifteen-letters"}):
        messages = run_checks(tags=["monitoring"])
    assert [message.id for message in messages] == ["monitoring.E001"]
    assert "fifteen" not in messages[0].msg


def test_an_admin_that_stands_first_hides_unread_alerts() -> None:
    last = [*(app for app in settings.INSTALLED_APPS if app != "monitoring"), "monitoring"]
    with override_settings(INSTALLED_APPS=last):
        assert found() == ["monitoring.W004"]


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
        "from django.core.checks import run_checks\n"
        "print(*run_checks(tags=['monitoring']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "too_early" in done.stdout
    assert "monitoring.W003" in done.stdout
