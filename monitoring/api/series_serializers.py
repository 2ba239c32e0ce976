"""The JSON shape of a window's points, for the OpenAPI schema."""

from typing import Any

from rest_framework import serializers

from monitoring.api.serializers import WindowSerializer

_Integer = serializers.IntegerField
_Number = serializers.FloatField


def _nullable(help_text: str) -> serializers.FloatField:
    return _Number(allow_null=True, help_text=f"{help_text}; null without a request.")


class PointSerializer(serializers.Serializer[Any]):
    time = _Number(help_text="Unix seconds, at its end.")
    seconds = _Number(help_text="How much time it stands for.")
    requests_per_second = _Number(allow_null=True)
    status_classes = serializers.DictField(
        child=_Integer(), help_text="Requests by class (`2xx`); classes without one are left out."
    )
    error_rate = _nullable("Percent with a status of 400 and above")
    server_error_rate = _nullable("Percent with a status of 500 and above")
    median_response_time = _nullable("In milliseconds")
    p95_response_time = _nullable("In milliseconds")
    p99_response_time = _nullable("In milliseconds")


class LatencyBucketSerializer(serializers.Serializer[Any]):
    from_ms = _Number(help_text="Exclusive.")
    to_ms = _Number(allow_null=True, help_text="Inclusive; null: no upper bound.")
    count = _Integer()


class SeriesSerializer(serializers.Serializer[Any]):
    points = PointSerializer(many=True, help_text="At most 120, oldest first.")
    step_seconds = _Number(help_text="The distance that points are meant to have.")
    histogram = LatencyBucketSerializer(
        many=True, help_text="Of the whole window; at most 40, from the first with a request."
    )
    window = WindowSerializer()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["local", "prometheus"]
    )
    fallback_reason = serializers.CharField(
        allow_null=True, help_text="Why the source is not the configured one."
    )
    timestamp = _Number(help_text="Unix seconds.")
