"""Who gets the page, what is in it, and what it leaves behind in a project: nothing."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import include, path

from monitoring.alerts.definitions import DEFINITIONS
from monitoring.page.status_admin import endpoint_urls

pytestmark = pytest.mark.django_db

URL = "/admin/multiprocess_exporter/status/"


class WithoutOurEndpoints:
    """A URLconf of a project that has the admin only."""

    from django.contrib import admin  # noqa: PLC0415

    urlpatterns = (path("admin/", admin.site.urls),)


class Elsewhere:
    """One that mounts them in a place of its own."""

    urlpatterns = (path("internal/metrics/", include("monitoring.urls")),)


@pytest.fixture
def client() -> Iterator[Client]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield Client()


def user(name: str, **rights: bool) -> User:
    made = User(username=name, **rights)
    made.set_password("x")
    made.save()
    return made


def test_every_admin_sees_it_and_a_link_to_it(client: Client) -> None:
    client.force_login(user("admin", is_staff=True))
    assert client.get(URL).status_code == 200
    assert f'href="{URL}"' in client.get("/admin/").content.decode()
    assert f'href="{URL}"' in client.get("/admin/multiprocess_exporter/").content.decode()


@pytest.mark.parametrize("rights", [None, {}, {"is_superuser": True}])
def test_nobody_else_sees_it(client: Client, rights: dict[str, bool] | None) -> None:
    if rights is not None:
        client.force_login(user("visitor", **rights))
    answer = client.get(URL)
    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/login/?next={URL}"


def test_an_admin_who_is_no_longer_active_does_not_see_it(client: Client) -> None:
    admin = user("admin", is_staff=True)
    client.force_login(admin)
    User.objects.update(is_active=False)
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_page_is_read_only(client: Client, method: str) -> None:
    client.force_login(user("admin", is_staff=True))
    assert getattr(client, method)(URL).status_code == 405


def test_it_is_not_kept_by_caches(client: Client) -> None:
    client.force_login(user("admin", is_staff=True))
    assert "no-store" in client.get(URL)["Cache-Control"]


def test_nothing_in_it_is_inline_so_that_a_strict_policy_allows_it(client: Client) -> None:
    client.force_login(user("admin", is_staff=True))
    text = client.get(URL).content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == []
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', text)
    assert loaded
    assert all(url.startswith("/static/") for url in loaded)


def test_every_static_file_of_the_page_is_found(client: Client) -> None:
    from django.contrib.staticfiles.finders import find  # noqa: PLC0415

    client.force_login(user("admin", is_staff=True))
    text = client.get(URL).content.decode()
    for url in re.findall(r'"/static/(monitoring/[^"]+)"', text):
        assert find(url), url


def test_it_leaves_no_table_permission_or_migration_behind() -> None:
    assert "status" not in apps.get_app_config("multiprocess_exporter").models
    assert not Permission.objects.filter(codename__endswith="_status").exists()
    call_command("makemigrations", "multiprocess_exporter", check=True, dry_run=True, verbosity=0)


@override_settings(ROOT_URLCONF=Elsewhere)
def test_the_endpoints_are_found_where_the_project_has_them() -> None:
    urls = endpoint_urls()
    assert urls["summary"] == "/internal/metrics/metrics/"
    assert urls["read_notification"] == "/internal/metrics/notifications/0/read/"
    assert all(urls.values())


@override_settings(ROOT_URLCONF=WithoutOurEndpoints)
def test_without_the_endpoints_there_is_the_page_and_no_error(client: Client) -> None:
    client.force_login(user("admin", is_staff=True))
    assert not any(endpoint_urls().values())
    assert 'data-summary=""' in client.get(URL).content.decode()


@override_settings(CSRF_HEADER_NAME="HTTP_X_OUR_TOKEN", CSRF_USE_SESSIONS=False)
def test_the_project_s_own_csrf_header_is_used(client: Client) -> None:
    client.force_login(user("admin", is_staff=True))
    assert 'data-csrf-header="X-OUR-TOKEN"' in client.get(URL).content.decode()


def test_the_page_has_a_name_for_every_threshold() -> None:
    from django.contrib.staticfiles.finders import find  # noqa: PLC0415

    with open(str(find("multiprocess_exporter/status/limits.js"))) as file:  # noqa: PTH123
        script = file.read()
    for name, definition in DEFINITIONS.items():
        (found,) = re.findall(rf"^  {name}: {{ .*field: \"(\w+)\"", script, re.MULTILINE)
        assert found == definition.field
