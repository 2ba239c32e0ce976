"""Makes a subclass of a cache's class that counts operations and changes no argument or value.

Tracers patch the same methods, before us or after us, on the class or on the instance. Each method
is looked up at its call, so that a later patch works; `count_own_methods` counts those of an
instance.

Only methods that the backend itself implements are counted. Methods inherited from Django's
BaseCache (such as `get_or_set`) call other operations, which count themselves. An operation inside
another one of the same cache is not counted again.
"""

from collections.abc import Callable, Iterable, Sized
from functools import lru_cache, wraps
from inspect import iscoroutinefunction
from types import MethodType
from typing import Any

from django.core.cache.backends.base import BaseCache

from monitoring.instruments.caches.recorder import CacheRecorder, cache_recorder
from monitoring.instruments.databases.trackers import Operation, running
from monitoring.metrics.cache_families import ERROR, EXISTS, HIT, MISS, OK

# Django's own mark of a missing key: a tracer between us and the backend knows it (Datadog's does).
_MISSING: Any = BaseCache._missing_key
_MANY = {"get_many": "keys", "set_many": "data", "delete_many": "keys"}  # their first parameter

_OUTCOMES: dict[str, Callable[[Any], str]] = {
    "add": lambda stored: OK if stored else EXISTS,
    "clear": lambda _: OK,
    "decr": lambda _: OK,
    "delete": lambda _: OK,
    "has_key": lambda found: HIT if found else MISS,
    "incr": lambda _: OK,
    "set": lambda _: OK,
    "touch": lambda found: OK if found else MISS,
}

Method = Callable[..., Any]
Arguments = tuple[tuple[Any, ...], dict[str, Any], Any]  # args, kwargs, first argument
# Of an operation: its first argument, result, error.
Account = Callable[[Operation, Any, Any, BaseException | None], None]


@lru_cache(maxsize=256)
def counting_class(cls: type, alias: str) -> type:
    """A subclass of `cls` with the same name, for the instances of this alias."""
    recorder = cache_recorder(alias, cls)
    methods: dict[str, Any] = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    for operation in ("get", *_MANY, *_OUTCOMES):
        for name in (operation, f"a{operation}"):
            method = getattr(cls, name, None)
            if method is not None and method is not getattr(BaseCache, name, None):
                methods[name] = _counted(operation, _looked_up(cls, name, method), recorder, alias)
    return type(cls.__name__, (cls,), methods)


def count_own_methods(instance: BaseCache, cls: type, alias: str) -> None:
    """Count the operations that are attributes of this instance, as with Sentry's `cache_spans`."""
    recorder = cache_recorder(alias, cls)
    for operation in ("get", *_MANY, *_OUTCOMES):
        for name in (operation, f"a{operation}"):
            method = vars(instance).get(name)
            if callable(method):
                counted = _counted(operation, _without_self(method), recorder, alias)
                setattr(instance, name, MethodType(counted, instance))


def _looked_up(cls: type, name: str, method: Method) -> Method:
    """Calls the method that `cls` has at the time of the call."""
    if iscoroutinefunction(method):

        @wraps(method)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            return await getattr(cls, name)(*args, **kwargs)

        return call_async

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(cls, name)(*args, **kwargs)

    return call


def _without_self(method: Method) -> Method:
    """A bound method as a function of its class; it ignores the instance."""
    if iscoroutinefunction(method):

        @wraps(method)
        async def call_async(_: Any, *args: Any, **kwargs: Any) -> Any:
            return await method(*args, **kwargs)

        return call_async

    @wraps(method)
    def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


def _counted(operation: str, method: Method, recorder: CacheRecorder, alias: str) -> Method:
    is_async = iscoroutinefunction(method)
    if operation == "get":
        build = _async_get if is_async else _get
        return build(method, recorder, alias)
    if operation in _MANY:
        account = _many(operation, recorder)
        arrange = _listed(_MANY[operation])
    else:
        account = _one(operation, recorder)
        arrange = _as_given
    wrapper = _async_operation if is_async else _operation
    return wrapper(method, alias, arrange, account)


def _get(method: Method, recorder: CacheRecorder, alias: str) -> Method:
    @wraps(method)
    def get(self: BaseCache, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        outer = running.get()
        if outer is not None and outer.name == alias:
            return method(self, key, default, *args, **kwargs)
        operation = Operation(alias, outer)
        try:
            running.set(operation)
            value = method(self, key, _MISSING, *args, **kwargs)
        except BaseException:
            recorder.failed_gets(operation, 1)
            raise
        finally:
            running.set(outer)
        if value is _MISSING:
            recorder.miss(operation)
            return default
        recorder.hit(operation)
        return value

    return get


def _async_get(method: Method, recorder: CacheRecorder, alias: str) -> Method:
    @wraps(method)
    async def get(self: BaseCache, key: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        outer = running.get()
        if outer is not None and outer.name == alias:
            return await method(self, key, default, *args, **kwargs)
        operation = Operation(alias, outer)
        try:
            running.set(operation)
            value = await method(self, key, _MISSING, *args, **kwargs)
        except BaseException:
            recorder.failed_gets(operation, 1)
            raise
        finally:
            running.set(outer)
        if value is _MISSING:
            recorder.miss(operation)
            return default
        recorder.hit(operation)
        return value

    return get


def _operation(
    method: Method, alias: str, arrange: Callable[..., Arguments], account: Account
) -> Method:
    @wraps(method)
    def operate(self: BaseCache, *args: Any, **kwargs: Any) -> Any:
        outer = running.get()
        if outer is not None and outer.name == alias:
            return method(self, *args, **kwargs)
        args, kwargs, first = arrange(args, kwargs)
        operation = Operation(alias, outer)
        try:
            running.set(operation)
            result = method(self, *args, **kwargs)
        except BaseException as error:
            account(operation, first, None, error)
            raise
        finally:
            running.set(outer)
        account(operation, first, result, None)
        return result

    return operate


def _async_operation(
    method: Method, alias: str, arrange: Callable[..., Arguments], account: Account
) -> Method:
    @wraps(method)
    async def operate(self: BaseCache, *args: Any, **kwargs: Any) -> Any:
        outer = running.get()
        if outer is not None and outer.name == alias:
            return await method(self, *args, **kwargs)
        args, kwargs, first = arrange(args, kwargs)
        operation = Operation(alias, outer)
        try:
            running.set(operation)
            result = await method(self, *args, **kwargs)
        except BaseException as error:
            account(operation, first, None, error)
            raise
        finally:
            running.set(outer)
        account(operation, first, result, None)
        return result

    return operate


def _as_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    return args, kwargs, None


def _listed(name: str) -> Callable[..., Arguments]:
    """Arranges arguments whose keys, under `name`, must be counted: an iterator becomes a list."""

    def arrange(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        first = args[0] if args else kwargs.get(name)
        if isinstance(first, Iterable) and not isinstance(first, Sized):
            first = list(first)
            if args:
                args = (first, *args[1:])
            else:
                kwargs = {**kwargs, name: first}
        return args, kwargs, first

    return arrange


def _many(operation: str, recorder: CacheRecorder) -> Account:
    name = operation.removesuffix("_many")

    def account(operation: Operation, first: Any, result: Any, error: BaseException | None) -> None:
        asked = _distinct(first)
        if name == "get":
            if error is not None:
                recorder.failed_gets(operation, asked)
            else:
                recorder.gets(operation, len(result), max(asked - len(result), 0))
        else:
            failed = asked if error is not None else len(result or ()) if name == "set" else 0
            results = (ERROR, failed), (OK, asked - failed)
            counted = [(result, count) for result, count in results if count > 0]
            recorder.count(operation, name, *counted)

    return account


def _distinct(keys: Any) -> int:
    if not isinstance(keys, Sized):
        return 0
    try:
        return len(set(keys))  # type: ignore[call-overload]
    except TypeError:
        return len(keys)


def _one(name: str, recorder: CacheRecorder) -> Account:
    outcome = _OUTCOMES[name]

    def account(operation: Operation, first: Any, result: Any, error: BaseException | None) -> None:
        found = outcome(result) if error is None else _failure(name, error)
        recorder.count(operation, name, (found, 1))

    return account


def _failure(operation: str, error: BaseException) -> str:
    # incr and decr raise ValueError for a missing key.
    is_miss = operation in ("incr", "decr") and isinstance(error, ValueError)
    return MISS if is_miss else ERROR
