"""The reference project as it is disturbed: answers name their process, and views do harm."""

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE
from project.settings import MONITORING as _MONITORING

ROOT_URLCONF = "tests.chaos.urls"
MIDDLEWARE = [*_MIDDLEWARE, "tests.servers.served_by.served_by"]
_IGNORED: list[str] = _MONITORING["IGNORE_ROUTES"]  # type: ignore[assignment]

# A check may wait for the processor: what is disturbed is the site, not the machine's speed.
MONITORING = {
    **_MONITORING,
    "IGNORE_ROUTES": [*_IGNORED, "chaos:*"],
    "DATABASE_TIMEOUT_MS": 8000,
    "PROMETHEUS_FALLBACK": True,
    "HEALTH_SHARE_MS": 1500,
    "HEALTH_CHECK_TIMEOUT_MS": 4000,
    "HEALTH_TIMEOUT_MS": 5000,
}
