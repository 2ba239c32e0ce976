"""GET /api/schema/: the OpenAPI 3 schema of our endpoints, as they are mounted beside it."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver, get_script_prefix, get_urlconf
from django.urls.resolvers import RoutePattern
from django.utils.module_loading import import_string
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.error_answers import ERRORS
from monitoring.api.mounting import LazyView
from monitoring.api.openapi import described, document

_OWN_PATH = "schema/"


class SchemaView(AdminView):
    """This API's OpenAPI schema."""

    @described(operation_id="schema", responses={200: dict, **ERRORS})
    def get(self, request: Request) -> Response:
        prefix = request.path.removesuffix(_OWN_PATH)
        ours: list[URLPattern] = import_string("monitoring.urls.urlpatterns")
        shown = [pattern for pattern in ours if isinstance(pattern.callback, LazyView)]
        return Response(document(prefix, [*shown, *_mounted_beside(prefix)]))


def _mounted_beside(prefix: str) -> Iterator[URLPattern]:
    """What the project mounts at `prefix` with our LazyView, in its own URLconf."""
    here = prefix.removeprefix(get_script_prefix())
    for pattern in get_resolver(get_urlconf()).url_patterns:
        route: Any = getattr(pattern.pattern, "_route", None)
        if (
            isinstance(pattern, URLPattern)
            and isinstance(pattern.callback, LazyView)
            and isinstance(route, str)
            and route.startswith(here)
        ):
            yield URLPattern(RoutePattern(route.removeprefix(here)), pattern.callback)
