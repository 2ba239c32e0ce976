"""The admin: thresholds with their history, one's own alerts, and how many are unread."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.template import Context
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path, resolve

from monitoring.admin import (
    AlertNotificationAdmin,
    StatusAdmin,
    StatusEntry,
    ThresholdAdmin,
    ThresholdChangeAdmin,
)
from monitoring.alerts.events import NewEvent, create_event
from monitoring.alerts.thresholds import change_thresholds, current_thresholds
from monitoring.alerts.unread import count_unread, forget_unread
from monitoring.metrics.labels import Routes
from monitoring.models import AlertEvent, AlertNotification, Threshold, ThresholdChange
from monitoring.templatetags.monitoring_alerts import unread_alerts
from tests.paths import ROOT


def admin_site(name: str, *, ours: bool) -> admin.AdminSite:
    """A project's own, with or without our pages."""
    site = admin.AdminSite(name)
    if ours:
        site.register(StatusEntry, StatusAdmin)
        site.register(AlertNotification, AlertNotificationAdmin)
        site.register(Threshold, ThresholdAdmin)
        site.register(ThresholdChange, ThresholdChangeAdmin)
    else:
        site.register(User, UserAdmin)
    return site


class OwnSites:
    """A project with admin sites of its own, beside Django's."""

    urlpatterns = (
        path("admin/", admin.site.urls),
        path("ops/", admin_site("ops", ours=True).urls),
        path("shop/", admin_site("shop", ours=False).urls),
    )


class OnlyAnotherSite:
    """A project whose one admin site has none of our pages."""

    urlpatterns = (path("shop/", admin_site("shop", ours=False).urls),)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABEL = "multiprocess_exporter"
THRESHOLDS = "/admin/multiprocess_exporter/threshold/"
ALERTS = "/admin/multiprocess_exporter/alertnotification/"


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    forget_unread()  # the users of another test have the same keys
    with override_settings(MONITORING={}):
        yield


def event(key: str) -> NewEvent:
    return NewEvent(
        key,
        "error_rate",
        AlertEvent.Status.FIRING,
        AlertEvent.Severity.CRITICAL,
        AlertEvent.Source.CELERY,
        NOW,
        summary="error_rate is <b>high</b>",
    )


def page(user: User, url: str = "/admin/") -> str:
    client = Client()
    client.force_login(user)
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def superuser(user: User) -> User:
    user.is_superuser = True
    user.save()
    return user


def test_the_header_counts_what_is_unread_and_links_to_it(admins: list[User]) -> None:
    anna, ben = admins
    assert "unread alert" not in page(anna)
    create_event(event("1"))
    assert f'<a href="{ALERTS}?is_read__exact=0">1 unread alert</a>' in page(anna)
    create_event(event("2"))
    assert "2 unread alerts" in page(anna)
    AlertNotification.objects.filter(user=ben).update(is_read=True)
    assert "unread alert" not in page(ben)


def test_many_unread_are_counted_as_far_as_99(admins: list[User]) -> None:
    for number in range(120):
        create_event(event(str(number)))
    assert "99+ unread alerts" in page(admins[0])


@override_settings(ROOT_URLCONF=OwnSites)
def test_each_admin_site_links_to_its_own_list_of_alerts_or_to_that_of_another(
    admins: list[User],
) -> None:
    create_event(event("1"))
    unread = 'alertnotification/?is_read__exact=0">1 unread alert</a>'
    assert f"/ops/{LABEL}/{unread}" in page(admins[0], "/ops/")
    assert f"/admin/{LABEL}/{unread}" in page(admins[0], "/shop/")


@override_settings(ROOT_URLCONF=OnlyAnotherSite)
def test_an_admin_site_without_our_pages_shows_the_number_alone(admins: list[User]) -> None:
    create_event(event("1"))
    shown = page(admins[0], "/shop/")
    assert "1 unread alert" in shown
    assert "alertnotification" not in shown


@override_settings(ROOT_URLCONF=OwnSites)
def test_the_status_page_of_a_site_links_within_it(admins: list[User]) -> None:
    shown = page(admins[0], f"/ops/{LABEL}/status/")
    assert 'href="/ops/"' in shown
    assert 'data-login="/ops/login/' in shown
    assert "/admin/" not in shown.replace("/static/admin/", "")


@pytest.mark.parametrize("site", ["admin", "ops"])
@override_settings(ROOT_URLCONF=OwnSites)
def test_our_pages_are_no_traffic_in_any_admin_site(site: str) -> None:
    routes = Routes(100, ())
    for name in ("status", "threshold", "thresholdchange", "alertnotification"):
        for rest in ("", *(() if name == "status" else ("add/", "1/change/", "1/"))):
            found = resolve(f"/{site}/{LABEL}/{name}/{rest}")
            assert routes.of(found).ignored, found.route
    assert not routes.of(resolve(f"/{site}/")).ignored
    assert not routes.of(resolve("/shop/auth/user/")).ignored


@pytest.mark.parametrize("theme", ["messages", "userlinks"])
def test_a_page_shows_the_number_once_in_whichever_block_a_theme_has(
    theme: str, admins: list[User], tmp_path: Path
) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base.html").write_text(
        f"{{% block {theme} %}}{{% endblock %}}{{% block content %}}{{% endblock %}}"
    )
    ours_first = [ROOT / "monitoring/templates", tmp_path]
    templates = [{**settings.TEMPLATES[0], "DIRS": ours_first}]
    create_event(event("1"))
    assert page(admins[0]).count("1 unread alert") == 1
    with override_settings(TEMPLATES=templates):
        assert page(admins[0]).count("1 unread alert") == 1
        popup = page(admins[0], f"{ALERTS}?_popup=1")
    assert popup.count("1 unread alert") == (theme == "userlinks")


def queries_of_a_page(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as context:
        assert client.get("/admin/").status_code == 200
    return [query["sql"] for query in context.captured_queries]


@pytest.mark.django_db(transaction=True)
def test_a_page_costs_one_query_more_and_within_seconds_none(admins: list[User]) -> None:
    client = Client()
    client.force_login(admins[0])
    first, second = queries_of_a_page(client), queries_of_a_page(client)
    assert [sql for sql in second if "alertnotification" in sql] == []
    assert len(first) == len(second) + 1


def test_who_may_not_see_alerts_costs_no_query(admins: list[User]) -> None:
    customer = User.objects.get(username="customer")
    request = RequestFactory().get("/admin/")
    request.user = customer
    with CaptureQueriesContext(connection) as context:
        assert unread_alerts(Context({"request": request})) == {}
    assert context.captured_queries == []


def test_what_is_read_here_is_gone_from_the_next_page(admins: list[User]) -> None:
    create_event(event("1"))
    anna = admins[0]
    assert "1 unread alert" in page(anna)
    client = Client()
    client.force_login(anna)
    mine = AlertNotification.objects.get(user=anna)
    assert client.post(f"/api/notifications/{mine.pk}/read/").status_code == 200
    assert "unread alert" not in page(anna)


def test_the_login_page_has_the_header_without_a_count(admins: list[User]) -> None:
    create_event(event("1"))
    login = Client().get("/admin/login/").content.decode()
    assert "Django administration" in login
    assert "unread alert" not in login


@pytest.mark.django_db(transaction=True)
def test_without_the_table_the_admin_goes_on(admins: list[User]) -> None:
    with connection.schema_editor() as editor:
        editor.execute("ALTER TABLE multiprocess_exporter_alertnotification RENAME TO elsewhere")
    try:
        assert "unread alert" not in page(admins[0])
        admins[1].delete()
        assert not User.objects.filter(username="ben").exists()
    finally:
        with connection.schema_editor() as editor:
            editor.execute(
                "ALTER TABLE elsewhere RENAME TO multiprocess_exporter_alertnotification"
            )


@pytest.mark.parametrize("extended", ["base", "base_site"])
def test_a_site_s_own_header_keeps_the_count(
    extended: str, admins: list[User], tmp_path: Path
) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "admin" / "base_site.html").write_text(
        f'{{% extends "admin/{extended}.html" %}}{{% block branding %}}The shop{{% endblock %}}'
    )
    templates = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    create_event(event("1"))
    with override_settings(TEMPLATES=templates):
        shown = page(admins[0])
    assert "The shop" in shown
    assert "1 unread alert" in shown


def test_every_admin_sees_their_own_alerts_and_marks_them_as_read(admins: list[User]) -> None:
    create_event(event("1"))
    anna, ben = admins
    listed = page(anna, ALERTS)
    assert "error_rate is &lt;b&gt;high&lt;/b&gt;" in listed
    assert "1 alert notification" in listed
    client = Client()
    client.force_login(anna)
    mine = AlertNotification.objects.get(user=anna)
    theirs = AlertNotification.objects.get(user=ben)
    chosen = {"action": "mark_as_read", "_selected_action": [mine.pk, theirs.pk]}
    assert client.post(ALERTS, chosen).status_code == 302
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.is_read, theirs.is_read) == (True, False)
    assert client.get(f"{ALERTS}{theirs.pk}/change/").status_code == 302


def test_thresholds_are_all_listed_and_changed_with_their_history(admins: list[User]) -> None:
    anna = superuser(admins[0])
    assert "6 thresholds" in page(anna, THRESHOLDS)
    client = Client()
    client.force_login(anna)
    change = f"{THRESHOLDS}error_5Frate/change/"
    assert client.post(change, {"value": "5"}).status_code == 302
    assert client.post(change, {"value": ""}).status_code == 302
    assert current_thresholds()["error_rate"] is None
    history = ThresholdChange.objects.values_list("old_value", "new_value", "changed_by__username")
    assert list(history) == [(5, None, "anna"), (10, 5, "anna")]
    link = client.get(f"{THRESHOLDS}error_5Frate/history/")
    assert "anna" in page(anna, link["Location"])


@pytest.mark.parametrize("value", ["100.5", "-1", "nan", "inf", "x"])
def test_a_value_that_is_not_allowed_changes_nothing(admins: list[User], value: str) -> None:
    client = Client()
    client.force_login(superuser(admins[0]))
    client.get(THRESHOLDS)
    answer = client.post(f"{THRESHOLDS}error_5Frate/change/", {"value": value})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert current_thresholds()["error_rate"] == 10


def test_the_history_cannot_be_changed(admins: list[User]) -> None:
    anna = superuser(admins[0])
    change_thresholds({"error_rate": 5}, anna)
    client = Client()
    client.force_login(anna)
    entry = f"/admin/multiprocess_exporter/thresholdchange/{ThresholdChange.objects.get().pk}"
    for url in (
        f"{entry}/change/",
        f"{entry}/delete/",
        "/admin/multiprocess_exporter/thresholdchange/add/",
    ):
        assert client.post(url, {"new_value": "1", "post": "yes"}).status_code == 403
    assert ThresholdChange.objects.get().new_value == 5


def test_thresholds_need_their_permission(admins: list[User]) -> None:
    client = Client()
    client.force_login(admins[0])
    assert client.get(THRESHOLDS).status_code == 403
    admins[0].user_permissions.add(Permission.objects.get(codename="view_threshold"))
    assert client.get(THRESHOLDS).status_code == 200
    answer = client.post(f"{THRESHOLDS}error_5Frate/change/", {"value": "5"})
    assert answer.status_code == 403


class RouterByRequest:
    """Chooses the database of a tenant."""

    tenant = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.tenant

    db_for_write = db_for_read


def test_users_of_two_databases_with_the_same_key_share_no_count(admins: list[User]) -> None:
    create_event(event("1"))
    with override_settings(DATABASE_ROUTERS=[RouterByRequest()]):
        assert count_unread(admins[0].pk) == 1
        RouterByRequest.tenant = "second"  # there is no such database: an error, and no page fails
        try:
            assert count_unread(admins[0].pk) == 0
        finally:
            RouterByRequest.tenant = "default"
