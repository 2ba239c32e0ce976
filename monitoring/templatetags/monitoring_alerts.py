"""A template tag: the number of unread alerts on the admin's pages."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from monitoring.alerts.admins import account, is_admin
from monitoring.alerts.unread import MOST, count_unread
from monitoring.conf import APP_LABEL

register = template.Library()

LIST = f"admin:{APP_LABEL}_alertnotification_changelist"
_IS_SHOWN = "monitoring_unread_alerts"


@register.inclusion_tag("admin/multiprocess_exporter/unread.html", takes_context=True)
def unread_alerts(context: template.Context, *, among_messages: bool = False) -> dict[str, Any]:
    """The admin's unread alerts and the URL of their list; empty for others and on an error.

    A page shows them once: in its header, and `among_messages` if its theme has no such header.
    """
    shown = context.render_context
    if among_messages and (shown.get(_IS_SHOWN) or context.get("is_popup")):
        return {}
    shown[_IS_SHOWN] = True
    request = context.get("request")
    user = account(getattr(request, "user", None))
    if user is None or not is_admin(user):
        return {}
    url = _list_url(getattr(request, "current_app", None))
    unread = count_unread(user.pk)
    return {"unread": unread, "url": url, "most": MOST, "among_messages": among_messages}


def _list_url(site: str | None) -> str:
    """The list in the admin site of the page, else in another; empty if none has it."""
    for name in (site, None):
        try:
            return reverse(LIST, query={"is_read__exact": 0}, current_app=name)
        except NoReverseMatch:
            continue
    return ""
