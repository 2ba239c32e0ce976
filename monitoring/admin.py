"""Registers the admin's pages: status, thresholds, their history, and notifications."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.db import DatabaseError, router
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, reverse

from monitoring.alerts.definitions import (
    DEFINITIONS,
    InvalidThresholdsError,
    check_thresholds,
)
from monitoring.alerts.thresholds import change_thresholds, store_defaults
from monitoring.alerts.unread import forget_unread
from monitoring.backing_services.migration_state import needed_command
from monitoring.conf import APP_LABEL, get_settings
from monitoring.models import AlertNotification, Threshold, ThresholdChange, own_alias
from monitoring.page.own_admin import OwnAdmin
from monitoring.page.status_admin import StatusAdmin, StatusEntry

__all__ = [
    "AlertNotificationAdmin",
    "StatusAdmin",
    "StatusEntry",
    "ThresholdAdmin",
    "ThresholdChangeAdmin",
]

admin.site.register(StatusEntry, StatusAdmin)


def _naming_the_command(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            return view(request, *args, **options)
        except DatabaseError:
            command = needed_command([own_alias()], get_settings().DATABASE_TIMEOUT_MS / 1000)
            if not command:
                raise
            text = f"Migrations are not applied yet: run {command}.\n"
            return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8")

    return answer


class _Stored(OwnAdmin):
    """Its pages say what to run if its table is missing."""

    def get_urls(self) -> list[URLPattern]:
        urls = super().get_urls()
        for each in urls:
            each.callback = _naming_the_command(each.callback)
        return urls


class _ReadOnly(_Stored):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ThresholdForm(forms.ModelForm):  # type: ignore[type-arg]
    """Checks that a threshold's value is within its bounds."""

    class Meta:
        model = Threshold
        fields = ("value",)

    def clean_value(self) -> float | None:
        value: float | None = self.cleaned_data["value"]
        name = self.instance.name
        try:
            check_thresholds({name: value})
        except InvalidThresholdsError as error:
            raise forms.ValidationError(error.fields[name]) from error
        return value


@admin.register(Threshold)
class ThresholdAdmin(_Stored):
    """Changes thresholds in the same way as the API, so that their history is kept."""

    form = ThresholdForm
    list_display = ("name", "value", "unit")
    actions = None

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Create the missing rows first, so that the list has every threshold."""
        if self.has_view_or_change_permission(request):
            store_defaults()
        return super().changelist_view(request, extra_context)

    @admin.display(description="unit")
    def unit(self, threshold: Threshold) -> str:
        definition = DEFINITIONS.get(threshold.name)
        return definition.unit if definition else "no longer used"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to our own history: the admin's lacks changes through the API."""
        page = reverse(f"{self.admin_site.name}:{APP_LABEL}_thresholdchange_changelist")
        return redirect(f"{page}?{urlencode({'name__exact': unquote(object_id)})}")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Threshold, form: Any, change: bool) -> None:
        change_thresholds({obj.name: obj.value}, request.user)


@admin.register(ThresholdChange)
class ThresholdChangeAdmin(_ReadOnly):
    list_display = ("name", "old_value", "new_value", "changed_by", "changed_at")
    list_filter = ("name",)
    list_select_related = ()  # no join: users may live in another database

    def get_queryset(self, request: HttpRequest) -> Any:
        users = get_user_model()._base_manager.using(router.db_for_read(get_user_model()))
        return super().get_queryset(request).prefetch_related(Prefetch("changed_by", users))


@admin.register(AlertNotification)
class AlertNotificationAdmin(_ReadOnly):
    list_display = ("event", "severity", "summary", "since", "is_read")
    list_select_related = ("event",)
    exclude = ("user",)  # the one who looks
    list_filter = ("is_read",)
    list_display_links = None
    actions = ("mark_as_read",)

    @admin.display(ordering="event__severity")
    def severity(self, notification: AlertNotification) -> str:
        return notification.event.severity

    @admin.display
    def summary(self, notification: AlertNotification) -> str:
        return notification.event.summary

    @admin.display(ordering="event__starts_at")
    def since(self, notification: AlertNotification) -> datetime:
        return notification.event.starts_at

    @admin.action(description="Mark as read")
    def mark_as_read(self, request: HttpRequest, own: QuerySet[AlertNotification]) -> None:
        own.update(is_read=True)
        forget_unread()

    # Every admin may see their own notifications, without further permissions.
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.admin_site.has_permission(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        """The admin's own notifications, as in the API."""
        return super().get_queryset(request).filter(user_id=request.user.pk)
