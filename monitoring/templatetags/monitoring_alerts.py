"""A template tag: the number of unread alerts in the admin's header."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from monitoring.alerts.unread import MOST, count_unread
from monitoring.conf import APP_LABEL

register = template.Library()


@register.inclusion_tag("admin/multiprocess_exporter/unread.html", takes_context=True)
def unread_alerts(context: template.Context) -> dict[str, Any]:
    """The admin's unread alerts and the URL of their list; empty for others and on an error."""
    user = getattr(context.get("request"), "user", None)
    if user is None or not (user.is_active and user.is_staff):
        return {}
    page = f"admin:{APP_LABEL}_alertnotification_changelist"
    try:
        url = reverse(page, query={"is_read__exact": 0})
    except NoReverseMatch:
        return {}
    return {"unread": count_unread(user.pk), "url": url, "most": MOST}
