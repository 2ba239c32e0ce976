"""The admin's pages: status, thresholds, their history, and notifications."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from monitoring.alerts.threshold_names import DEFINITIONS
from monitoring.alerts.thresholds import (
    InvalidThresholdsError,
    change_thresholds,
    check_thresholds,
)
from monitoring.models import AlertNotification, Threshold, ThresholdChange
from monitoring.page.entry import Status
from monitoring.page.status_admin import StatusAdmin

admin.site.register(Status, StatusAdmin)


class _ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ThresholdForm(forms.ModelForm):  # type: ignore[type-arg]
    """A threshold's value, within its bounds."""

    name = forms.ChoiceField(choices=[(name, name) for name in DEFINITIONS])

    class Meta:
        model = Threshold
        fields = ("name", "value")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "name" in cleaned and "value" in cleaned:
            try:
                check_thresholds({cleaned["name"]: cleaned["value"]})
            except InvalidThresholdsError as error:
                self.add_error("value", " ".join(error.fields[cleaned["name"]]))
        return cleaned


@admin.register(Threshold)
class ThresholdAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Changes go the same way as through the API, so that their history is kept."""

    form = ThresholdForm
    list_display = ("name", "value")

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


@admin.register(AlertNotification)
class AlertNotificationAdmin(_ReadOnly):
    list_display = ("event", "is_read")
    list_select_related = ("event",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """One's own, as in the API."""
        return super().get_queryset(request).filter(user_id=request.user.pk)
