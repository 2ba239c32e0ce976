"""The endpoints, to be mounted with `path("api/", include("monitoring.urls"))`."""

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from monitoring.api import health
from monitoring.api.mounting import admin_view, plain_view
from monitoring.api.scrape_view import scrape
from monitoring.conf import APP_LABEL

__all__ = ["app_name", "urlpatterns"]

if not apps.is_installed("monitoring"):  # the checks are the app's, so none of them can tell
    raise ImproperlyConfigured(
        f"monitoring.urls is included, but '{APP_LABEL}' is not in INSTALLED_APPS."
    )

app_name = APP_LABEL

urlpatterns = [
    path(
        "alerts/webhook/",
        plain_view("webhook.webhook", "alerts.WebhookDescription"),
        name="webhook",
    ),
    path("health/", health.health, name="health"),
    path("health/live/", health.live, name="health-live"),
    path("health/ready/", health.ready, name="health-ready"),
    path("metrics/", admin_view("summary.SummaryView"), name="summary"),
    path("metrics/cache/", admin_view("database_and_cache.CacheView"), name="cache"),
    path("metrics/check-alerts/", admin_view("alerts.CheckAlertsView"), name="check-alerts"),
    path("metrics/database/", admin_view("database_and_cache.DatabaseView"), name="database"),
    path("metrics/prometheus/", scrape, name="scrape"),
    path("metrics/series/", admin_view("summary.SeriesView"), name="series"),
    path("metrics/thresholds/", admin_view("alerts.ThresholdsView"), name="thresholds"),
    path("notifications/", admin_view("notifications.NotificationsView"), name="notifications"),
    path(
        "notifications/<str:id>/read/",
        admin_view("notifications.ReadNotificationView"),
        name="read-notification",
    ),
    path("schema/", admin_view("schema.SchemaView"), name="schema"),
]
