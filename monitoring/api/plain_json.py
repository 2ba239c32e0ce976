"""Reads bounded JSON bodies and answers errors in our one shape, without Django REST framework.

{"error": {"code", "message", "fields": {name: [messages]}}}
"""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpResponse, JsonResponse


class EndpointError(Exception):
    """An answer with a status of 400 or more. Headers are those that the status needs."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = dict(fields or {})
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        return {"error": {"code": self.code, "message": str(self), "fields": self.fields}}

    def response(self) -> HttpResponse:
        headers = {"Cache-Control": "no-store", **self.headers}
        return JsonResponse(self.body(), status=self.status, headers=headers)


class InvalidFieldsError(EndpointError):
    """400: what is wrong with which field."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        super().__init__(400, "invalid", "The request is not valid; see fields.", fields)


class UnavailableError(EndpointError):
    """503: a service that the answer needs is unavailable."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(503, code, message)


def read_json(stream: IO[bytes], most: int) -> Any:
    """The JSON of at most `most` bytes, whatever Content-Length says. Raises EndpointError."""
    body = stream.read(most + 1)
    if len(body) > most:
        raise EndpointError(413, "too_large", f"A body may have at most {most} bytes.")
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise EndpointError(400, "parse_error", "The body is not JSON.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
