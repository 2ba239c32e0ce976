"""GET /api/notifications/ and POST /api/notifications/{id}/read/: the admin's own notifications."""

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.alerts.admins import account
from monitoring.alerts.unread import forget_unread
from monitoring.api.alert_serializers import NotificationSerializer, NotificationsSerializer
from monitoring.api.base import AdminView
from monitoring.api.error_answers import BODY_ERRORS, ERRORS, UNAVAILABLE, ErrorAnswerSerializer
from monitoring.api.openapi import described
from monitoring.models import AlertNotification

if TYPE_CHECKING:
    from django.db.models import QuerySet

PAGE = 50
_LARGEST_ID = 2**63 - 1


def notification_json(notification: AlertNotification) -> dict[str, Any]:
    """The shape of `NotificationSerializer`."""
    event = notification.event
    return {
        "id": notification.pk,
        "name": event.name,
        "status": event.status,
        "severity": event.severity,
        "alert_source": event.source,
        "summary": event.summary,
        "value": event.value,
        "threshold": event.threshold,
        "window_seconds": event.window_seconds,
        "starts_at": event.starts_at.timestamp(),
        "ends_at": event.ends_at.timestamp() if event.ends_at else None,
        "created_at": event.created_at.timestamp(),
        "is_read": notification.is_read,
    }


class NotificationsView(AdminView):
    """The admin's own notifications, newest first, 50 a page."""

    @described(
        operation_id="notifications",
        parameters=[
            OpenApiParameter(
                "before",
                {"type": "integer", "minimum": 1, "maximum": _LARGEST_ID},
                description="`next_before` of the page before.",
            ),
            OpenApiParameter(
                "unread", {"type": "string", "enum": ["1"]}, description="Only those."
            ),
        ],
        responses={200: NotificationsSerializer, **ERRORS, **UNAVAILABLE},
    )
    def get(self, request: Request) -> Response:
        own = _own(request)
        page = own.select_related("event").order_by("-pk")
        before = _before(request.query_params.get("before"))
        if before is not None:
            page = page.filter(pk__lt=before)
        if _only_unread(request.query_params.get("unread")):
            page = page.filter(is_read=False)
        found = list(page[: PAGE + 1])
        more = len(found) > PAGE
        return Response(
            {
                "notifications": [notification_json(notification) for notification in found[:PAGE]],
                "unread_count": own.filter(is_read=False).count(),
                "next_before": found[PAGE - 1].pk if more else None,
            }
        )


class ReadNotificationView(AdminView):
    """Marks one of the admin's own as read; again is no error."""

    path_arguments = ("id",)

    @described(
        operation_id="read_notification",
        parameters=[
            OpenApiParameter(
                "id",
                {"type": "integer", "minimum": 1, "maximum": _LARGEST_ID},
                OpenApiParameter.PATH,
            )
        ],
        request=None,
        responses={
            200: NotificationSerializer,
            404: ErrorAnswerSerializer,
            **ERRORS,
            **BODY_ERRORS,
            **UNAVAILABLE,
        },
    )
    def post(self, request: Request, **path: str) -> Response:
        pk = _id(path["id"])
        if pk is None:
            raise NotFound
        notification = _own(request).select_related("event").filter(pk=pk).first()
        if notification is None:
            raise NotFound
        AlertNotification.objects.filter(pk=pk, is_read=False).update(is_read=True)
        forget_unread()
        notification.is_read = True
        return Response(notification_json(notification))


def _own(request: Request) -> "QuerySet[AlertNotification]":
    user = account(request.user)
    if user is None:
        return AlertNotification.objects.none()
    return AlertNotification.objects.filter(user_id=user.pk)


def _before(given: str | None) -> int | None:
    if given is None:
        return None
    pk = _id(given)
    if pk is None:
        raise ValidationError({"before": ["allowed is the id of a notification"]})
    return pk


def _id(given: str) -> int | None:
    """The text as a primary key; None if it is not one."""
    is_number = given.isascii() and given.isdigit() and len(given) < 20
    return int(given) if is_number and 0 < int(given) <= _LARGEST_ID else None


def _only_unread(given: str | None) -> bool:
    if given not in (None, "1"):
        raise ValidationError({"unread": ["allowed is 1"]})
    return given == "1"
