"""Without the extra `api`, what machines ask works, and what admins ask says what to install."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.scripts import run_script
from tests.unit.alerts.webhook_messages import MESSAGE

_SITE = """
import sys
for name in ("rest_framework", "rest_framework_simplejwt", "drf_spectacular", "django_prometheus"):
    sys.modules[name] = None  # as if it were not installed
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
import json
import logging
from django.contrib.auth.models import User
from django.test import Client, override_settings

class Kept(logging.Handler):
    def emit(self, record):
        errors.append(record.getMessage())

errors = []
logging.getLogger("django.request").addHandler(Kept(level=logging.ERROR))
User.objects.create_user("anna", is_staff=True)
admin = Client(headers={"host": "localhost"})
admin.force_login(User.objects.get())
visitor = Client(headers={"host": "localhost"})
token = {"headers": {"Authorization": "Bearer the-token-of-the-webhook"}}
token["content_type"] = "application/json"
"""
_ADMINS = [
    "/api/metrics/",
    "/api/metrics/cache/",
    "/api/metrics/check-alerts/",
    "/api/metrics/database/",
    "/api/metrics/series/",
    "/api/metrics/thresholds/",
    "/api/notifications/",
    "/api/notifications/7/read/",
    "/api/schema/",
]


def told(script: str, work: Path) -> Any:
    return json.loads(run_script(f"{_SITE}\n{script}", work=work).splitlines()[-1])


def test_scrapes_health_and_the_webhook_work(tmp_path: Path) -> None:
    script = f"""
message = {MESSAGE!r}
answers = [visitor.get("/api/metrics/prometheus/"), visitor.get("/api/health/live/")]
answers += [visitor.get("/api/health/ready/", headers={{"Authorization": "Bearer x"}})]
with override_settings(MONITORING={{"WEBHOOK_TOKEN": "the-token-of-the-webhook"}}):
    answers += [visitor.post("/api/alerts/webhook/", message, **token)]
    new = answers[-1].json()
    answers += [visitor.post("/api/alerts/webhook/", {{}}, **token)]
    answers += [visitor.post("/api/alerts/webhook/", {{}}), visitor.get("/api/alerts/webhook/")]
text = answers[0].content.decode()
print(json.dumps([[each.status_code for each in answers], new, "django_db_execute_total" in text]))
"""
    statuses, new, has_queries = told(script, tmp_path)
    assert statuses == [200, 200, 200, 200, 400, 401, 405]
    assert new == {"received": 1, "new": 1}
    assert has_queries


@pytest.mark.parametrize("client", ["admin", "visitor"])
def test_endpoints_for_admins_name_the_extra_and_log_no_error(client: str, tmp_path: Path) -> None:
    script = f"""
answers = [getattr({client}, method)(path) for path in {_ADMINS!r} for method in ("get", "post")]
heads = [{client}.head(path) for path in {_ADMINS!r}]
print(json.dumps([
    [[each.status_code, each.json(), each["Cache-Control"]] for each in answers],
    [[each.status_code, each.content.decode()] for each in heads],
    errors,
]))
"""
    answers, heads, errors = told(script, tmp_path)
    assert len(answers) == 2 * len(_ADMINS)
    for status, answer, cached in answers:
        assert (status, answer["error"]["code"], cached) == (501, "not_installed", "no-store")
        assert "django-multiprocess-exporter[api]" in answer["error"]["message"]
    assert heads == [[501, ""]] * len(_ADMINS)
    assert errors == []


def test_the_status_page_names_the_extra_and_the_other_pages_work(tmp_path: Path) -> None:
    script = """
User.objects.update(is_superuser=True)
pages = ("status", "threshold", "thresholdchange", "alertnotification")
answers = [admin.get(f"/admin/multiprocess_exporter/{page}/") for page in pages]
print(json.dumps([[each.status_code for each in answers], answers[0].content.decode()]))
"""
    statuses, page = told(script, tmp_path)
    assert statuses == [200, 200, 200, 200]
    assert "django-multiprocess-exporter[api]" in page
    assert "<script" not in page.partition("<main")[2]


def test_check_tells_it_as_an_info_and_as_nothing_worse(tmp_path: Path) -> None:
    script = """
from django.core.checks import INFO, run_checks
found = [each for each in run_checks() if each.id.startswith("monitoring.")]
print(json.dumps([[each.id, each.level == INFO, each.msg] for each in found]))
"""
    found = {identity: rest for identity, *rest in told(script, tmp_path)}
    found.pop("monitoring.I002", None)  # of the system, not of the extra
    ((identity, (is_info, text)),) = found.items()
    assert (identity, is_info) == ("monitoring.I001", True)
    assert "django-multiprocess-exporter[api]" in text


def test_code_that_inspects_the_urls_sees_plain_views(tmp_path: Path) -> None:
    script = """
from monitoring.urls import urlpatterns
print(json.dumps([hasattr(each.callback, "cls") for each in urlpatterns]))
"""
    assert set(told(script, tmp_path)) == {False}
