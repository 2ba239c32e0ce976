"""Where the endpoints are that the page asks; they are mounted where the project likes."""

from django.urls import NoReverseMatch, reverse

_NAMES = {
    "summary": "summary",
    "series": "series",
    "database": "database",
    "health": "health",
    "thresholds": "thresholds",
    "check_alerts": "check-alerts",
    "notifications": "notifications",
}


def endpoint_urls() -> dict[str, str]:
    """By name; empty for one that is not mounted. `read_notification` is for the id 0."""
    urls = {name: _url(view) for name, view in _NAMES.items()}
    return {**urls, "read_notification": _url("read-notification", 0)}


def _url(view: str, *args: int) -> str:
    try:
        return reverse(f"monitoring:{view}", args=args)
    except NoReverseMatch:
        return ""
