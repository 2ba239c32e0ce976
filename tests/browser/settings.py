"""The reference project under a strict Content-Security-Policy, as a careful site has it."""

import os

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE
from project.settings import MONITORING as _MONITORING

MIDDLEWARE = [*_MIDDLEWARE[:1], "tests.browser.policy.strict_policy", *_MIDDLEWARE[1:]]
MONITORING = {
    **_MONITORING,
    "ALERT_MIN_REQUESTS": 2,
    "SLOW_QUERY_LOG": os.environ["SLOW_QUERY_LOG"],
    "SLOW_REQUEST_MS": 300.0,
}
