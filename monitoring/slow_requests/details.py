"""What is kept of a slow request: never its query, headers or body."""

import json
import re
from dataclasses import asdict, dataclass

from django.http import HttpRequest

MAX_PATH = 300
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """`timestamp` in Unix seconds at its end, `duration_ms` in milliseconds."""

    method: str
    route: str
    path: str
    status: int
    duration_ms: float
    timestamp: float
    request_id: str | None

    def encode(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str | bytes) -> "SlowRequest | None":
        """None for what is not a slow request."""
        try:
            record = json.loads(text)
            return cls(
                method=str(record["method"]),
                route=str(record["route"]),
                path=str(record["path"]),
                status=int(record["status"]),
                duration_ms=float(record["duration_ms"]),
                timestamp=float(record["timestamp"]),
                request_id=None if record["request_id"] is None else str(record["request_id"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def request_id_of(request: HttpRequest) -> str | None:
    """X-Request-ID as the client or proxy sent it, if it looks like one."""
    given = request.META.get("HTTP_X_REQUEST_ID") or getattr(request, "request_id", None)
    return given if isinstance(given, str) and _REQUEST_ID.fullmatch(given) else None


def path_of(request: HttpRequest) -> str:
    """The path, cut to MAX_PATH characters, with nothing that text files cannot hold."""
    path = request.path[:MAX_PATH]
    return path.encode("utf-8", "replace").decode()
