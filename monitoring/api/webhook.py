"""POST /api/alerts/webhook/: Alertmanager's webhook, by a bearer token of its own."""

import hmac
import json
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ParseError,
    ValidationError,
)
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts.webhook import MAX_BODY_BYTES, InvalidWebhookError, parse_webhook, receive
from monitoring.api.alert_serializers import WebhookSerializer
from monitoring.api.base import AdminView, OnlyJson
from monitoring.api.serializers import BODY_ERRORS, ERRORS, UNAVAILABLE, ErrorAnswerSerializer
from monitoring.conf import get_settings


class TooLarge(APIException):
    """413."""

    status_code = 413
    default_code = "too_large"
    default_detail = f"A message may have at most {MAX_BODY_BYTES} bytes."


class _WebhookToken(BaseAuthentication):
    """The one bearer token of WEBHOOK_TOKEN; without one, nobody is let in."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        token = get_settings().WEBHOOK_TOKEN
        same = hmac.compare_digest(given.strip().encode(errors="replace"), token.encode())
        if not token or scheme.lower() != "bearer" or not same:
            raise AuthenticationFailed("The webhook's bearer token is needed.")
        return None, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Body(BaseParser):
    """JSON of a bounded size, whatever its length is said to be."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON.") from error


class _AnyType(OnlyJson):
    """Whatever the body is called, it has to be JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]


class WebhookView(AdminView):
    """Alerts become notifications to all active staff; what is known already is not told again."""

    permission_classes = (AllowAny,)
    parser_classes = (_Body,)
    content_negotiation_class = _AnyType

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [_WebhookToken()]

    def get_authenticate_header(self, request: Request) -> str:
        return "Bearer"

    @extend_schema(
        operation_id="alertmanager_webhook",
        request={"application/json": dict},
        responses={
            200: WebhookSerializer,
            413: ErrorAnswerSerializer,
            **ERRORS,
            **BODY_ERRORS,
            **UNAVAILABLE,
        },
    )
    def post(self, request: Request) -> Response:
        length = request.headers.get("Content-Length", "0")
        if length.isdigit() and int(length[:12]) > MAX_BODY_BYTES:
            raise TooLarge
        try:
            alerts = parse_webhook(request.data)
        except InvalidWebhookError as error:
            raise ValidationError({error.field: [error.problem]}) from error
        return Response({"received": len(alerts), "new": receive(alerts)})
