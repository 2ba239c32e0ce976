"""The reference project, whose answers say which process gave them."""

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE

MIDDLEWARE = [*_MIDDLEWARE, "tests.servers.served_by.served_by"]
