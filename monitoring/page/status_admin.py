"""The status page in the admin: its entry, who sees it, its one URL and the endpoints it asks."""

from typing import Any

from django.apps.registry import Apps
from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

WINDOWS = (
    ("5m", "5 min"),
    ("15m", "15 min"),
    ("1h", "1 h"),
    ("6h", "6 h"),
    ("24h", "24 h"),
)

_ENDPOINTS = {
    "summary": "summary",
    "series": "series",
    "database": "database",
    "health": "health",
    "thresholds": "thresholds",
    "check_alerts": "check-alerts",
    "notifications": "notifications",
}


class StatusEntry(models.Model):
    """An entry without a table, so that the admin has `monitoring/status/` and links to it.

    It is in a registry of its own (as Django's own MigrationRecorder is): no migration, no
    permission and no content type comes of it.
    """

    class Meta:
        apps = Apps()
        app_label = "monitoring"
        managed = False
        default_permissions = ()
        verbose_name = verbose_name_plural = "status"

    def __str__(self) -> str:
        return "status"


# What the admin makes its addresses and the names of its URLs of: /admin/monitoring/status/.
StatusEntry._meta.object_name, StatusEntry._meta.model_name = "Status", "status"


class StatusAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """For every admin: active users with `is_staff`, as the endpoints have it."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def get_urls(self) -> list[URLPattern]:
        # The name of a model's list: the admin's index links to it.
        view = self.admin_site.admin_view(self.status_page)
        return [path("", view, name="monitoring_status_changelist")]

    @method_decorator(require_safe)
    def status_page(self, request: HttpRequest) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Status",
            "endpoints": endpoint_urls(),
            "windows": WINDOWS,
            # As a client writes it: META's name without HTTP_, with hyphens.
            "csrf_header": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        }
        return TemplateResponse(request, "admin/monitoring/status.html", context)


def endpoint_urls() -> dict[str, str]:
    """By name; empty for one that is not mounted. `read_notification` is for the id 0."""
    urls = {name: _url(view) for name, view in _ENDPOINTS.items()}
    return {**urls, "read_notification": _url("read-notification", 0)}


def _url(view: str, *args: int) -> str:
    try:
        return reverse(f"monitoring:{view}", args=args)
    except NoReverseMatch:
        return ""
