"""The reference project, whose answers say which process gave them."""

from project.settings import *  # noqa: F403
from project.settings import MIDDLEWARE as _MIDDLEWARE

# WhiteNoise's is sync: under ASGI, its thread waits for the event loop. When the loop ends first,
# as daphne's may at SIGTERM, neither the thread nor the process ends.
_OURS = [name for name in _MIDDLEWARE if not name.startswith("whitenoise.")]
MIDDLEWARE = [*_OURS, "tests.servers.served_by.served_by"]
