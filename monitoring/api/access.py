"""Who may read what."""

from django.http import HttpRequest

from monitoring.conf import Settings
from monitoring.scrape_access import is_bearer, is_in_networks


def may_scrape(request: HttpRequest, settings: Settings) -> bool:
    """Whether SCRAPE_ALLOWED_NETWORKS and SCRAPE_TOKEN, as far as they are set, let it pass."""
    address = request.META.get("REMOTE_ADDR", "")
    if not is_in_networks(address, settings.SCRAPE_ALLOWED_NETWORKS):
        return False
    token = settings.SCRAPE_TOKEN
    return not token or is_bearer(request.headers.get("Authorization", ""), token)
