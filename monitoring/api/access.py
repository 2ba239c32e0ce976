"""Who may read what."""

import hmac
import ipaddress

from django.http import HttpRequest

from monitoring.conf import Settings


def may_scrape(request: HttpRequest, settings: Settings) -> bool:
    """Whether SCRAPE_ALLOWED_NETWORKS and SCRAPE_TOKEN, as far as they are set, let it pass."""
    return _in_networks(request, settings) and _has_token(request, settings)


def _in_networks(request: HttpRequest, settings: Settings) -> bool:
    if not settings.SCRAPE_ALLOWED_NETWORKS:
        return True
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a unix socket has no address
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in settings.SCRAPE_ALLOWED_NETWORKS)


def _has_token(request: HttpRequest, settings: Settings) -> bool:
    if not settings.SCRAPE_TOKEN:
        return True
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(), settings.SCRAPE_TOKEN.encode()
    )
