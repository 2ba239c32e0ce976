"""JSON shapes of alerts: thresholds, evaluations, notifications, the webhook's answer."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from monitoring.alerts.definitions import DEFINITIONS
from monitoring.alerts.states import AlertOutcome
from monitoring.api.openapi import Choice
from monitoring.models import AlertEvent


def _threshold_fields() -> dict[str, serializers.FloatField]:
    return {
        name: serializers.FloatField(
            allow_null=True,
            required=False,
            min_value=0,
            max_value=definition.highest,
            help_text=f"In {definition.unit}; null: off.",
        )
        for name, definition in DEFINITIONS.items()
    }


# Built from DEFINITIONS, so that names and bounds stand in one place.
ThresholdValuesSerializer = type(
    "ThresholdValuesSerializer", (serializers.Serializer,), _threshold_fields()
)


_CHANGE_SCHEMA = {
    "type": "object",
    "required": ["thresholds"],
    "additionalProperties": False,
    "properties": {
        "thresholds": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: {
                    "type": "number",
                    "nullable": True,
                    "minimum": 0,
                    "maximum": definition.highest,
                }
                for name, definition in DEFINITIONS.items()
            },
        }
    },
}


class ThresholdsSerializer(serializers.Serializer[Any]):
    thresholds = ThresholdValuesSerializer()


class ChangeThresholdsSerializer(ThresholdsSerializer):
    """What is sent; other names are refused, which DRF's serializers cannot say."""


class _ChangeThresholdsExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = ChangeThresholdsSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return _CHANGE_SCHEMA


class CheckedAlertSerializer(serializers.Serializer[Any]):
    name = Choice(choices=list(DEFINITIONS))
    is_breached = serializers.BooleanField()
    value = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    outcome = Choice(choices=[outcome.value for outcome in AlertOutcome])


class CheckSerializer(serializers.Serializer[Any]):
    window_seconds = serializers.FloatField()
    alerts = CheckedAlertSerializer(many=True)
    sent = serializers.ListField(
        child=serializers.CharField(), help_text="Alerts that admins were told of."
    )
    held_back = serializers.ListField(
        child=serializers.CharField(), help_text="Alerts that fire, but were told of lately."
    )
    timestamp = serializers.FloatField(help_text="Unix seconds.")


class NotificationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    status = Choice(choices=AlertEvent.Status.values)
    severity = Choice(choices=AlertEvent.Severity.values)
    alert_source = Choice(choices=AlertEvent.Source.values)
    summary = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    threshold = serializers.FloatField(allow_null=True)
    window_seconds = serializers.FloatField(allow_null=True)
    starts_at = serializers.FloatField(help_text="Unix seconds.")
    ends_at = serializers.FloatField(allow_null=True, help_text="Unix seconds.")
    created_at = serializers.FloatField(help_text="Unix seconds.")
    is_read = serializers.BooleanField()


class NotificationsSerializer(serializers.Serializer[Any]):
    notifications = NotificationSerializer(many=True)
    unread_count = serializers.IntegerField()
    next_before = serializers.IntegerField(
        allow_null=True, help_text="`before` of the next page; null: there is none."
    )


class WebhookSerializer(serializers.Serializer[Any]):
    received = serializers.IntegerField(help_text="Alerts of the message.")
    new = serializers.IntegerField(help_text="Events that the admins were not told of before.")
