"""A template tag: the number of unread alerts in the admin's header."""

from typing import Any

from django import template
from django.db import Error, transaction
from django.urls import NoReverseMatch, reverse

from monitoring.alerts.admins import account, is_admin
from monitoring.conf import APP_LABEL
from monitoring.models import AlertNotification

register = template.Library()

MOST = 99  # counting stops here


@register.inclusion_tag("admin/multiprocess_exporter/unread.html", takes_context=True)
def unread_alerts(context: template.Context) -> dict[str, Any]:
    """The admin's unread alerts and the URL of their list; empty for others and on an error."""
    user = account(getattr(context.get("request"), "user", None))
    if user is None or not is_admin(user):
        return {}
    try:
        page = f"admin:{APP_LABEL}_alertnotification_changelist"
        url = reverse(page, query={"is_read__exact": 0})
        with transaction.atomic():  # a missing table must not break a transaction around the page
            own = AlertNotification.objects.filter(user_id=user.pk, is_read=False)
            unread = own[:MOST].count()
    except (Error, NoReverseMatch):
        return {}
    return {"unread": unread, "url": url, "most": MOST}
