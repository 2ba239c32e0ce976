"""GET /api/schema/: the OpenAPI 3 schema of the endpoints mounted beside it."""

from typing import Any

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from monitoring.api.base import AdminView
from monitoring.api.error_answers import ERRORS

_OWN_PATH = "schema/"


class _Beside(EndpointEnumerator):
    """The endpoints under `prefix` that have an AutoSchema; a project may have others."""

    prefix = "/"

    def get_api_endpoints(self, *args: Any, **kwargs: Any) -> list[Any]:
        found: list[Any] = super().get_api_endpoints(*args, **kwargs)  # type: ignore[no-untyped-call]
        return [
            endpoint
            for endpoint in found
            if endpoint[0].startswith(self.prefix)
            and isinstance(endpoint[-1].cls.schema, AutoSchema)
        ]


class SchemaView(AdminView):
    """This API's OpenAPI schema."""

    @extend_schema(operation_id="schema", responses={200: dict, **ERRORS})
    def get(self, request: Request) -> Response:
        prefix = request.path.removesuffix(_OWN_PATH)
        enumerator = type("Beside", (_Beside,), {"prefix": prefix})
        generator = type("Generator", (SchemaGenerator,), {"endpoint_inspector_cls": enumerator})()
        return Response(generator.get_schema(request=None, public=True))
