"""Adds the status page to the admin: its menu entry, permissions and URL."""

from typing import Any

from django.apps.registry import Apps
from django.conf import settings
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from monitoring.conf import APP_LABEL
from monitoring.conf.api_extra import NO_API, has_api
from monitoring.metrics.labels import no_traffic
from monitoring.page.own_admin import OwnAdmin

_TEMPLATES = "admin/multiprocess_exporter"
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
    """A model without a table, so that the admin has a URL of its own and a link to it.

    It is in its own app registry (like the model of Django's MigrationRecorder), so that it gets no
    migration, permission or content type.
    """

    class Meta:
        apps = Apps()
        app_label = APP_LABEL
        managed = False
        default_permissions = ()
        verbose_name = verbose_name_plural = "status"

    def __str__(self) -> str:
        return "status"


# The admin builds paths (`status/`) and names of URLs from these.
StatusEntry._meta.object_name, StatusEntry._meta.model_name = "Status", "status"


class StatusAdmin(OwnAdmin):
    """The page, for everybody whom the admin site lets in."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def get_urls(self) -> list[URLPattern]:
        # The URL name of a model's list, to which the admin's index links.
        view = no_traffic(self.admin_site.admin_view(self.status_page))
        return [path("", view, name=f"{APP_LABEL}_status_changelist")]

    @method_decorator(require_safe)
    def status_page(self, request: HttpRequest) -> HttpResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "title": "Status"}
        if not has_api():
            context["no_api"] = NO_API
            return TemplateResponse(request, f"{_TEMPLATES}/status_without_api.html", context)
        context |= {
            "endpoints": endpoint_urls(),
            "windows": WINDOWS,
            # The header's name, from its name in META.
            "csrf_header": settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-"),
        }
        return TemplateResponse(request, f"{_TEMPLATES}/status.html", context)


def endpoint_urls() -> dict[str, str]:
    """URLs by name; empty if not mounted. `read_notification` has the placeholder id 0."""
    urls = {name: _url(view) for name, view in _ENDPOINTS.items()}
    return {**urls, "read_notification": _url("read-notification", 0)}


def _url(view: str, *args: int) -> str:
    try:
        return reverse(f"{APP_LABEL}:{view}", args=args)
    except NoReverseMatch:
        return ""
