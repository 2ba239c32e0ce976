"""The one JSON shape of errors, its schema, and the handler that makes it:

{"error": {"code", "message", "fields": {name: [messages]}}}
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from monitoring.api.plain_json import EndpointError, InvalidFieldsError, UnavailableError
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.primitives.encodable import encodable

__all__ = ["ErrorAnswerSerializer", "handle_error"]


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What is wrong with which field; empty for other errors.",
    )


class ErrorAnswerSerializer(serializers.Serializer[Any]):
    error = ErrorSerializer()


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


def handle_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """The exception handler of our views. None: an unexpected error, which Django handles."""
    if isinstance(error, SourceUnavailableError):
        error = UnavailableError(str(error), error.code)
    if isinstance(error, EndpointError):
        set_rollback()
        return Response(error.body(), status=error.status, headers=error.headers)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Response(_shape(error), status=error.status_code, headers=headers)


def _shape(error: exceptions.APIException) -> dict[str, Any]:
    detail: Any = error.detail
    if isinstance(error, exceptions.ValidationError):
        fields = detail if isinstance(detail, dict) else {"non_field_errors": detail}
        return InvalidFieldsError(
            {_sound(name): _texts(messages) for name, messages in fields.items()}
        ).body()
    if isinstance(detail, dict):  # simplejwt's errors: detail, code, messages
        code = str(detail.get("code", error.default_code))
        message = str(detail.get("detail", error.default_detail))
    else:
        code, message = str(getattr(detail, "code", error.default_code)), str(detail)
    return EndpointError(error.status_code, code, message).body()


def _texts(messages: Any) -> list[str]:
    """All messages of a field and of its nested fields."""
    if isinstance(messages, dict):
        return [text for nested in messages.values() for text in _texts(nested)]
    if isinstance(messages, list | tuple):
        return [text for nested in messages for text in _texts(nested)]
    return [_sound(messages)]


def _sound(text: object) -> str:
    """The text, which may come from a client, with lone surrogates replaced."""
    return encodable(str(text))
