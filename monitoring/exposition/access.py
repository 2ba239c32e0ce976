"""Who may scrape, at the URL and the exporter alike: by network, token or password.

Alertmanager's webhook compares its bearer token here, too.
"""

import base64
import hmac
import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.conf.setting_values import IPNetwork

if TYPE_CHECKING:
    import ssl  # a worker speaks no TLS


def is_in_networks(address: str, networks: Collection[IPNetwork]) -> bool:
    """Whether the peer's address is in one of the networks; with no networks, every peer passes."""
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


@dataclass(frozen=True, slots=True)
class ScrapeAccess:
    """What a scraper must present; by default, nothing."""

    bearer_token: str = ""
    username: str = ""
    password: str = ""
    networks: tuple[IPNetwork, ...] = ()
    tls: "ssl.SSLContext | None" = None

    def is_from_allowed_network(self, address: str) -> bool:
        return is_in_networks(address, self.networks)

    def permits(self, authorization: str) -> bool:
        """Whether an Authorization header is accepted; either configured scheme is enough."""
        if not self.bearer_token and not self.username:
            return True
        if self.bearer_token and is_bearer(authorization, self.bearer_token):
            return True
        return bool(self.username) and self._is_basic(authorization)

    def _is_basic(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            credentials = base64.b64decode(given.strip(), validate=True)
        except ValueError:
            return False
        return hmac.compare_digest(credentials, f"{self.username}:{self.password}".encode())

    @property
    def challenge(self) -> str:
        return 'Basic realm="metrics", charset="UTF-8"' if self.username else "Bearer"
