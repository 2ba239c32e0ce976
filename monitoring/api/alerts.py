"""Endpoints of alerts for admins: thresholds, an evaluation on demand; and the webhook's schema."""

import time
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts.admins import account
from monitoring.alerts.definitions import InvalidThresholdsError
from monitoring.alerts.evaluation import EvaluationRunningError, evaluate_now, recent_figures
from monitoring.alerts.outbox import deliver_soon
from monitoring.alerts.states import AlertOutcome
from monitoring.alerts.thresholds import change_thresholds, current_thresholds
from monitoring.api.alert_serializers import (
    ChangeThresholdsSerializer,
    CheckSerializer,
    ThresholdsSerializer,
    WebhookSerializer,
)
from monitoring.api.base import AdminView
from monitoring.api.error_answers import (
    BODY_ERRORS,
    ERRORS,
    UNAVAILABLE,
    ErrorAnswerSerializer,
)
from monitoring.api.openapi import described


class AlreadyRunning(APIException):
    """409: another process is evaluating now."""

    status_code = 409
    default_code = "already_running"
    default_detail = "An evaluation is running; try again when it is done."


class ThresholdsView(AdminView):
    """The thresholds that alerts compare with, live in every process within seconds."""

    @described(
        operation_id="thresholds",
        responses={200: ThresholdsSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        return Response({"thresholds": current_thresholds()})

    @described(
        operation_id="change_thresholds",
        description="Any subset; all of it is taken or nothing. `null` switches one off.",
        request=ChangeThresholdsSerializer,
        responses={200: ThresholdsSerializer, **ERRORS, **BODY_ERRORS, **UNAVAILABLE},
    )
    def put(self, request: Request) -> Response:
        if not isinstance(request.data, dict):
            raise ValidationError({"thresholds": ["an object is needed"]})
        unknown = [str(name)[:100] for name in request.data if name != "thresholds"]
        if unknown:
            raise ValidationError({name: ["unknown; allowed is thresholds"] for name in unknown})
        try:
            changed = change_thresholds(request.data.get("thresholds"), account(request.user))
        except InvalidThresholdsError as error:
            raise ValidationError(error.fields) from error
        return Response({"thresholds": changed})


class CheckAlertsView(AdminView):
    """Evaluates the thresholds now, over the last interval; the schedule goes on as it was."""

    @described(
        operation_id="check_alerts",
        request=None,
        responses={
            200: CheckSerializer,
            409: ErrorAnswerSerializer,
            **ERRORS,
            **BODY_ERRORS,
            **UNAVAILABLE,
        },
    )
    def post(self, request: Request) -> Response:
        try:
            done = evaluate_now(recent_figures)
        except EvaluationRunningError as error:
            raise AlreadyRunning from error
        told = done.names_of(AlertOutcome.FIRED, AlertOutcome.RESOLVED)
        if told:
            deliver_soon()
        alerts: list[dict[str, Any]] = [
            {
                "name": comparison.observation.name,
                "is_breached": comparison.observation.is_breached,
                "value": comparison.observation.value,
                "threshold": comparison.observation.threshold,
                "outcome": comparison.outcome.value,
            }
            for comparison in done.comparisons
        ]
        return Response(
            {
                "window_seconds": done.window_seconds,
                "alerts": alerts,
                "sent": told,
                "held_back": done.names_of(AlertOutcome.HELD_BACK),
                "timestamp": time.time(),
            }
        )


class _WebhookToken(BaseAuthentication):
    """Stands for the bearer token WEBHOOK_TOKEN in the schema."""


class _WebhookTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = _WebhookToken
    name = "webhookToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "WEBHOOK_TOKEN"}


class WebhookDescription(AdminView):
    """Alerts become notifications to all admins; what is known already is not told again."""

    # Schema generators alone look at this class. `monitoring.api.webhook` answers.
    permission_classes = (AllowAny,)

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [_WebhookToken()]

    @described(
        operation_id="alertmanager_webhook",
        request={"application/json": dict},
        responses={200: WebhookSerializer, **ERRORS, **BODY_ERRORS, **UNAVAILABLE},
    )
    def post(self, request: Request) -> Response:
        raise NotImplementedError
