"""The page in the admin: who sees it, and its one URL."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe

from monitoring.page.endpoints import endpoint_urls

WINDOWS = (
    ("5m", "5 min"),
    ("15m", "15 min"),
    ("1h", "1 h"),
    ("6h", "6 h"),
    ("24h", "24 h"),
)


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
