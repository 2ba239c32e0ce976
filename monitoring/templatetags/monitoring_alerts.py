"""What the admin's header says about alerts."""

from typing import Any

from django import template
from django.db import Error, transaction
from django.urls import NoReverseMatch, reverse

from monitoring.models import AlertNotification

register = template.Library()

MOST = 99  # as far as is counted


@register.inclusion_tag("admin/monitoring_unread.html", takes_context=True)
def unread_alerts(context: template.Context) -> dict[str, Any]:
    """The number of the admin's unread alerts; nothing for others, and nothing in trouble."""
    user = getattr(context.get("request"), "user", None)
    if user is None or not (user.is_active and user.is_staff):
        return {}
    try:
        url = reverse("admin:monitoring_alertnotification_changelist", query={"is_read__exact": 0})
        with transaction.atomic():  # a missing table must not spoil a transaction around the page
            own = AlertNotification.objects.filter(user_id=user.pk, is_read=False)
            unread = own[:MOST].count()
    except (Error, NoReverseMatch):
        return {}
    return {"unread": unread, "url": url, "most": MOST}
