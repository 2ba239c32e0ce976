"""All JSON shapes, for the OpenAPI schema."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers


def _number(help_text: str, **more: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=help_text, **more)


def _milliseconds(what: str) -> serializers.FloatField:
    return _number(f"{what}, in milliseconds; null without a request.", allow_null=True)


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What is wrong with which field; empty for other errors.",
    )


class ErrorAnswerSerializer(serializers.Serializer[Any]):
    error = ErrorSerializer()


class WindowSerializer(serializers.Serializer[Any]):
    requested_seconds = _number("null for `all`.", allow_null=True)
    covered_seconds = _number(
        "What the figures span; null if it is not known how far back they go.", allow_null=True
    )


class WorkersSerializer(serializers.Serializer[Any]):
    configured = serializers.IntegerField(allow_null=True)
    alive = serializers.IntegerField(allow_null=True)
    busy = serializers.IntegerField(allow_null=True)


class SlowRequestSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    route = serializers.CharField()
    path = serializers.CharField(help_text="Without its query.")
    status = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    timestamp = _number("Unix seconds, at its end.")
    request_id = serializers.CharField(allow_null=True, help_text="X-Request-ID, if it had one.")


class EndpointSerializer(serializers.Serializer[Any]):
    route = serializers.CharField()
    method = serializers.CharField()
    request_count = serializers.IntegerField()
    error_rate = _number("Percent with a status of 400 and above.", allow_null=True)
    avg_response_time = _milliseconds("Mean")
    p95_response_time = _milliseconds("95th percentile, as fine as LATENCY_BUCKETS")


class SummarySerializer(serializers.Serializer[Any]):
    request_count = serializers.IntegerField()
    error_count = serializers.IntegerField(help_text="Status 400 and above.")
    server_error_count = serializers.IntegerField(help_text="Status 500 and above.")
    error_rate = _number("Percent; null without a request.", allow_null=True)
    server_error_rate = _number("Percent; null without a request.", allow_null=True)
    active_sessions = serializers.IntegerField(
        allow_null=True, help_text="Sessions and bearer users of the last 30 minutes."
    )
    avg_response_time = _milliseconds("Mean")
    min_response_time = _milliseconds("Shortest")
    max_response_time = _milliseconds("Longest")
    median_response_time = _milliseconds("Median")
    p90_response_time = _milliseconds("90th percentile")
    p95_response_time = _milliseconds("95th percentile")
    p99_response_time = _milliseconds("99th percentile")
    requests_per_second = _number("null if no time is covered.", allow_null=True)
    status_codes = serializers.DictField(child=serializers.IntegerField())
    slow_requests_count = serializers.IntegerField()
    slow_requests = SlowRequestSerializer(many=True, help_text="The last 10, newest first.")
    endpoints = EndpointSerializer(many=True, help_text="The 20 with the most time in all.")
    in_progress = serializers.IntegerField(allow_null=True)
    workers = WorkersSerializer()
    window = WindowSerializer()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["local", "prometheus"]
    )
    fallback_reason = serializers.CharField(
        allow_null=True, help_text="Why the source is not the configured one."
    )
    unavailable = serializers.DictField(
        child=serializers.CharField(), help_text="Why a figure is null, where that is a fault."
    )
    timestamp = _number("Unix seconds.")


WINDOW = OpenApiParameter(
    "window",
    {
        "type": "string",
        "default": "1h",
        # A part of what is accepted, for clients that make windows by this pattern: 1h30m, say,
        # is one as well.
        "pattern": "^(all|[1-9][0-9]{0,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h)$",
    },
    description="A Prometheus duration from 1s to 24h, or `all`.",
)

ERRORS = {
    400: OpenApiResponse(ErrorAnswerSerializer, "The request is not valid."),
    401: OpenApiResponse(ErrorAnswerSerializer, "No credentials, or they are not valid."),
    403: OpenApiResponse(ErrorAnswerSerializer, "Not an admin, or no CSRF token."),
    405: OpenApiResponse(ErrorAnswerSerializer, "Wrong method."),
}
BODY_ERRORS = {
    413: OpenApiResponse(ErrorAnswerSerializer, "The body is too large."),
    415: OpenApiResponse(ErrorAnswerSerializer, "The body is not JSON by its type."),
}
UNAVAILABLE = {503: OpenApiResponse(ErrorAnswerSerializer, "The source of figures is away.")}
