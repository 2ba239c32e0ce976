"""Bodies of a bounded size: they are read whole into memory."""

import json
from typing import Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    """413."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The body is too large."


class BoundedJson(BaseParser):
    """JSON of at most `most` bytes, whatever its length is said to be."""

    media_type = "application/json"
    most = 64 * 1024

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Raises TooLarge or ParseError."""
        body = stream.read(self.most + 1)
        if len(body) > self.most:
            raise TooLarge(f"A body may have at most {self.most} bytes.")
        try:
            return json.loads(body, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
