"""The reference project with the raw times of its requests in a file."""

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE

MIDDLEWARE = ["tests.servers.raw_times.raw_times", *_MIDDLEWARE]
