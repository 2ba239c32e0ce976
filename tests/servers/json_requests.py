"""Requests that are answered with JSON, errors as well."""

import json
import urllib.error
import urllib.request
from typing import Any


def answer_of(request: urllib.request.Request) -> tuple[int, Any]:
    """The status, and the body as JSON."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
