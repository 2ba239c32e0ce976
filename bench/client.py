"""Calls Django's handlers as a server does, without a server, and times batches of requests."""

import asyncio
import gc
import io
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler

WSGI = "wsgi"
ASGI = "asgi"
ASGI_CHAIN = "asgi-chain"
# Batch size relative to WSGI: an ASGI request takes Django about ten times as long.
BATCH_SHARES = {WSGI: 1.0, ASGI: 0.2, ASGI_CHAIN: 1.0}

STATUS_OF_CASE = {"ok": 200, "unmatched": 404, "error": 500}
_PATHS = {
    (WSGI, "ok"): "/ok/7/",
    (WSGI, "unmatched"): "/nothing/here/",
    (WSGI, "error"): "/error/",
    (ASGI, "ok"): "/async/ok/7/",
    (ASGI, "unmatched"): "/nothing/here/",
    (ASGI, "error"): "/async/error/",
    (ASGI_CHAIN, "ok"): "/async/ok/7/",
    (ASGI_CHAIN, "unmatched"): "/nothing/here/",
    (ASGI_CHAIN, "error"): "/async/error/",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """A batch: its requests, and the wall-clock and CPU time (all threads) that they took."""

    requests: int
    wall_ns: int
    cpu_ns: int


class Client:
    """Runs batches of requests, one after the other, through this process's handlers."""

    def __init__(self) -> None:
        logging.getLogger("django.request").setLevel(logging.CRITICAL + 1)
        self._wsgi = WSGIHandler()
        self._asgi = ASGIHandler()
        self._runner = asyncio.Runner()
        gc.collect()
        gc.freeze()  # collections between batches then take little time

    def measure(self, handler: str, case: str, requests: int, lead_in: int = 0) -> Timing:
        """Time a batch, without the garbage collector. Raises RuntimeError on a wrong status.

        `lead_in` requests come first and are not timed: the CPU caches still hold the data of the
        variant that ran before.
        """
        if lead_in:
            self.measure(handler, case, lead_in)
        path, status = _PATHS[handler, case], STATUS_OF_CASE[case]
        gc.collect()
        gc.disable()
        try:
            if handler == WSGI:
                return self._measure_wsgi(path, status, requests)
            if handler == ASGI:
                return self._runner.run(self._measure_asgi(path, status, requests))
            return self._runner.run(self._measure_chain(path, status, requests))
        finally:
            gc.enable()

    def _measure_wsgi(self, path: str, status: int, requests: int) -> Timing:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "bench",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "bench",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
        }
        seen: set[str] = set()

        def start_response(line: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            seen.add(line[:3])

        stop = _clocks()
        for _ in range(requests):
            response = self._wsgi(environ.copy(), start_response)
            for _chunk in response:
                pass
            response.close()
        timing = stop(requests)
        _expect({int(code) for code in seen}, status, path)
        return timing

    async def _measure_asgi(self, path: str, status: int, requests: int) -> Timing:
        scope = _scope(path)
        seen: set[int] = set()
        loop = asyncio.get_running_loop()

        async def send(message: Mapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                seen.add(message["status"])

        def receiver() -> Callable[[], Awaitable[Mapping[str, Any]]]:
            body_sent = False

            async def receive() -> Mapping[str, Any]:
                nonlocal body_sent
                if body_sent:  # the client stays; Django cancels this when it has answered
                    await loop.create_future()
                body_sent = True
                return {"type": "http.request", "body": b"", "more_body": False}

            return receive

        stop = _clocks()
        for _ in range(requests):
            await self._asgi(scope.copy(), receiver(), send)
        timing = stop(requests)
        _expect(seen, status, path)
        return timing

    async def _measure_chain(self, path: str, status: int, requests: int) -> Timing:
        """The middleware and the view alone: ASGIHandler starts threads for each request, whose
        noise hides a few microseconds."""
        scope = _scope(path)
        body = io.BytesIO()
        seen: set[int] = set()
        stop = _clocks()
        for _ in range(requests):
            response = await self._asgi.get_response_async(ASGIRequest(scope.copy(), body))
            seen.add(response.status_code)
        timing = stop(requests)
        _expect(seen, status, path)
        return timing

    def close(self) -> None:
        self._runner.close()


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"bench")],
        "client": ("127.0.0.1", 4000),
        "server": ("bench", 80),
    }


def _clocks() -> Callable[[int], Timing]:
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()

    def stop(requests: int) -> Timing:
        return Timing(requests, time.perf_counter_ns() - wall, time.process_time_ns() - cpu)

    return stop


def _expect(seen: set[int], status: int, path: str) -> None:
    if seen != {status}:
        raise RuntimeError(f"{path} answered {sorted(seen)}, the case expects {status}")
