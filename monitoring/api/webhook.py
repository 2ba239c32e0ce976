"""POST /api/alerts/webhook/: Alertmanager's webhook, by a bearer token of its own."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts.webhook import MAX_BODY_BYTES, InvalidWebhookError, parse_webhook, receive
from monitoring.api.alert_serializers import WebhookSerializer
from monitoring.api.base import AdminView, OnlyJson
from monitoring.api.bodies import BoundedJson
from monitoring.api.serializers import BODY_ERRORS, ERRORS, UNAVAILABLE
from monitoring.conf import get_settings
from monitoring.scrape_access import is_bearer


class _WebhookToken(BaseAuthentication):
    """The one bearer token of WEBHOOK_TOKEN; without one, nobody is let in."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        token = get_settings().WEBHOOK_TOKEN
        if not token or not is_bearer(request.headers.get("Authorization", ""), token):
            raise AuthenticationFailed("The webhook's bearer token is needed.")
        return None, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _Message(BoundedJson):
    most = MAX_BODY_BYTES


class _AnyType(OnlyJson):
    """Whatever the body is called, it has to be JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]


class WebhookView(AdminView):
    """Alerts become notifications to all active staff; what is known already is not told again."""

    permission_classes = (AllowAny,)
    parser_classes = (_Message,)
    content_negotiation_class = _AnyType

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [_WebhookToken()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method in self.allowed_methods:
            self.perform_authentication(request)  # it needs no database, whose state it hides
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="alertmanager_webhook",
        request={"application/json": dict},
        responses={200: WebhookSerializer, **ERRORS, **BODY_ERRORS, **UNAVAILABLE},
    )
    def post(self, request: Request) -> Response:
        try:
            alerts = parse_webhook(request.data)
        except InvalidWebhookError as error:
            raise ValidationError({error.field: [error.problem]}) from error
        return Response({"received": len(alerts), "new": receive(alerts)})
