"""How our endpoints are described in OpenAPI 3, whatever schema generator the project has."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import URLPattern
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ComponentRegistry,
    normalize_result_object,
    sanitize_result_object,
)
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.schemas.inspectors import DefaultSchema

from monitoring import __version__
from monitoring.conf import get_settings

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VARIABLE = re.compile(r"<(?:[^>:]+:)?(\w+)>")


class _OurRegistry(ComponentRegistry):
    """The components of our own document."""


class OurSchema(AutoSchema):
    """Describes one of our endpoints. In the project's document, names of ours have a prefix."""

    def _is_ours(self) -> bool:
        return isinstance(self.registry, _OurRegistry)

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if operation and not self._is_ours():
            operation["operationId"] = f"monitoring_{operation['operationId']}"
        return operation

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        name = super().get_serializer_name(serializer, direction)
        return name if self._is_ours() else f"Monitoring{name}"


class SchemaInProject(DefaultSchema):
    """`schema` of our views: None, which every generator leaves out, or what the project uses."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return super().__get__(instance, owner) if get_settings().SCHEMA_IN_PROJECT else None


def described(**about: Any) -> Callable[[Any], Any]:
    """drf-spectacular's `extend_schema`, for a method of a view of ours.

    That one builds on DEFAULT_SCHEMA_CLASS, which in a project may be another generator's.
    """

    def decorate(method: Any) -> Any:
        method.schema = OurSchema
        return extend_schema(**about)(method)

    return decorate


class Choice(serializers.ChoiceField):
    """One of several texts.

    Its schema has a name, so that drf-spectacular does not look for one, which fails with a
    warning where the project's serializers have a field of this name.
    """


class _ChoiceExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = Choice

    def get_name(self) -> str:
        owner = type(self.target.parent).__name__.removesuffix("Serializer")
        return f"Monitoring{owner}{self.target.field_name.title().replace('_', '')}"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        return auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)


def document(prefix: str, patterns: Iterable[URLPattern]) -> dict[str, Any]:
    """The OpenAPI document of the endpoints of `patterns`, which are mounted at `prefix`.

    It has nothing of the project's SPECTACULAR_SETTINGS that adds, hooks or renames; an endpoint
    without `described` or drf-spectacular's `extend_schema` is left out.
    """
    registry = _OurRegistry()
    paths: dict[str, dict[str, Any]] = {}
    for pattern in patterns:
        route = str(pattern.pattern)
        template = _VARIABLE.sub(r"{\1}", route)
        view = pattern.callback.cls()  # type: ignore[attr-defined]
        view.args, view.kwargs, view.request, view.format_kwarg = (), {}, None, None
        for method in view.allowed_methods:
            schema = getattr(getattr(view, method.lower(), None), "kwargs", {}).get("schema")
            if method in _METHODS and schema is not None and issubclass(schema, AutoSchema):
                inspector = schema()
                inspector.view = view
                paths.setdefault(prefix + template, {})[method.lower()] = inspector.get_operation(
                    f"/{template}", f"/{route}", "/", method, registry
                )
    result = {
        "openapi": spectacular_settings.OAS_VERSION,
        "info": {"title": "Monitoring", "version": __version__},
        "paths": dict(sorted(paths.items())),
        "components": registry.build({}),
    }
    made: dict[str, Any] = sanitize_result_object(  # type: ignore[no-untyped-call]
        normalize_result_object(result)  # type: ignore[no-untyped-call]
    )
    return made
