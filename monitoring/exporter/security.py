"""How the exporter is closed: TLS, networks, basic authentication and a bearer token."""

import base64
import hmac
import ssl
from dataclasses import dataclass

from monitoring.scrape_access import is_bearer, is_in_networks
from monitoring.setting_values import IPNetwork


@dataclass(frozen=True, slots=True)
class Security:
    """What a scraper must show; by default nothing: the exporter is meant for loopback."""

    bearer_token: str = ""
    username: str = ""
    password: str = ""
    networks: tuple[IPNetwork, ...] = ()
    tls: ssl.SSLContext | None = None

    def is_from_allowed_network(self, address: str) -> bool:
        return is_in_networks(address, self.networks)

    def permits(self, authorization: str) -> bool:
        """Whether an Authorization header is good enough; either scheme that is configured is."""
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
