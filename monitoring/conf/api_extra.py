"""Whether the extra `api` is installed, which the endpoints for admins and the status page need."""

from functools import cache
from importlib.util import find_spec

EXTRA = "django-multiprocess-exporter[api]"
NO_API = (
    "The endpoints for admins and the status page need Django REST framework and drf-spectacular, "
    f"and one of them is not installed: pip install '{EXTRA}'."
)


@cache
def has_api() -> bool:
    """Looks for the packages without importing them."""
    return all(find_spec(name) is not None for name in ("rest_framework", "drf_spectacular"))
