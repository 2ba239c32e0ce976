"""Makes HTTP libraries time their calls, once the process has imported them; imports none itself.

aiohttp has a hook for it, TraceConfig, which each session is given; httpx's event hooks and mounts
belong to one client, and urllib3 has no hooks, so there one public method is wrapped. That is three
functions in all, each by plain assignment: no dependency is needed for it.

An exception of a call is the caller's, whatever it is: it passes.
"""

from collections.abc import Callable
from functools import wraps
from sys import modules
from typing import Any

from monitoring.conf import get_settings
from monitoring.errors import SettingsError
from monitoring.instruments.databases.trackers import running
from monitoring.instruments.outgoing.recorder import Call, OutgoingRecorder, outgoing_recorder
from monitoring.primitives.after_import import after_import
from monitoring.primitives.interruptions import is_interruption
from monitoring.storage.self_report import report_error

_MARK = "_monitoring_is_timed"


def instrument_outgoing() -> None:
    """Time the calls of this process from now on. requests makes its calls with urllib3."""
    outgoing_recorder()  # built now, before several threads could build it at once
    for name, watch in _LIBRARIES.items():
        after_import(name, watch)


def _library(watch: Callable[[Any, OutgoingRecorder], None], name: str) -> Callable[[], None]:
    def watch_once() -> None:
        try:
            if get_settings().OUTGOING_HTTP:
                watch(modules[name], outgoing_recorder())
        except SettingsError:
            pass  # `manage.py check` names it, and the first request raises it
        except Exception as error:  # a version with other classes
            if is_interruption(error):
                raise
            report_error(f"the calls of {name} cannot be timed")

    return watch_once


def _replace(cls: Any, name: str, make: Callable[[Any], Any]) -> None:
    method = getattr(cls, name)
    if not getattr(method, _MARK, False):
        timed = wraps(method)(make(method))
        setattr(timed, _MARK, True)
        setattr(cls, name, timed)


def _watch_urllib3(module: Any, recorder: OutgoingRecorder) -> None:
    def make(urlopen: Any) -> Any:
        def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
            call = recorder.begin()
            if call is None:
                return urlopen(self, *args, **kwargs)
            response = None
            try:
                running.set(call)
                response = urlopen(self, *args, **kwargs)
                return response
            finally:
                running.set(call.outer)
                method = args[0] if args else kwargs.get("method")
                status = getattr(response, "status", None)
                recorder.end(call, getattr(self, "host", None), _port(self), method, status)

        return timed

    _replace(module.HTTPConnectionPool, "urlopen", make)


def _port(pool: Any) -> int | None:
    port = getattr(pool, "port", None)
    return port if isinstance(port, int) else None


def _watch_httpx(module: Any, recorder: OutgoingRecorder) -> None:
    def end(call: Call, request: Any, response: Any) -> None:
        running.set(call.outer)
        url = getattr(request, "url", None)
        host, port = getattr(url, "host", None), getattr(url, "port", None)
        status = getattr(response, "status_code", None)
        recorder.end(call, host, port, getattr(request, "method", None), status)

    def make(handle: Any) -> Any:
        def timed(self: Any, request: Any) -> Any:
            call = recorder.begin()
            if call is None:
                return handle(self, request)
            response = None
            try:
                running.set(call)
                response = handle(self, request)
                return response
            finally:
                end(call, request, response)

        return timed

    def make_async(handle: Any) -> Any:
        async def timed(self: Any, request: Any) -> Any:
            call = recorder.begin()
            if call is None:
                return await handle(self, request)
            response = None
            try:
                running.set(call)
                response = await handle(self, request)
                return response
            finally:
                end(call, request, response)

        return timed

    _replace(module.HTTPTransport, "handle_request", make)
    _replace(module.AsyncHTTPTransport, "handle_async_request", make_async)


def _watch_aiohttp(module: Any, recorder: OutgoingRecorder) -> None:
    async def start(session: Any, context: Any, params: Any) -> None:
        context.monitoring_call = recorder.begin()

    def end(context: Any, params: Any, status: object) -> None:
        call = getattr(context, "monitoring_call", None)
        if call is not None:
            recorder.end(call, params.url.host, params.url.port, params.method, status)

    async def answered(session: Any, context: Any, params: Any) -> None:
        end(context, params, params.response.status)

    async def failed(session: Any, context: Any, params: Any) -> None:
        # With raise_for_status, an answer is an exception that has the status.
        end(context, params, getattr(params.exception, "status", None))

    trace = module.TraceConfig()
    trace.on_request_start.append(start)
    trace.on_request_end.append(answered)
    trace.on_request_exception.append(failed)

    def make(init: Any) -> Any:
        def timed(self: Any, *args: Any, **kwargs: Any) -> None:
            given = [*(kwargs.get("trace_configs") or ())]  # perhaps another session's
            kwargs["trace_configs"] = given if trace in given else [*given, trace]
            init(self, *args, **kwargs)

        return timed

    _replace(module.ClientSession, "__init__", make)


_LIBRARIES = {
    "urllib3": _library(_watch_urllib3, "urllib3"),
    "httpx": _library(_watch_httpx, "httpx"),
    "aiohttp": _library(_watch_aiohttp, "aiohttp"),
}
