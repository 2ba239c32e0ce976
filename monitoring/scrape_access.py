"""Who may scrape, told by address and bearer token: the same rules at the URL and the exporter."""

import hmac
import ipaddress
from collections.abc import Collection

from monitoring.setting_values import IPNetwork


def is_in_networks(address: str, networks: Collection[IPNetwork]) -> bool:
    """Whether the peer's address is in one of the networks; none at all let everybody pass."""
    if not networks:
        return True
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:  # a unix socket has no address
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return any((mapped or peer) in network for network in networks)


def is_bearer(authorization: str, token: str) -> bool:
    """Whether an Authorization header carries this bearer token."""
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(), token.encode()
    )
