"""The reference project under a strict Content-Security-Policy, as a careful site has it."""

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE

MIDDLEWARE = [*_MIDDLEWARE[:1], "tests.browser.policy.strict_policy", *_MIDDLEWARE[1:]]
