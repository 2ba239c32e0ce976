"""Tells an exception that interrupted our code, and is meant for the user's, from one of our own.

Python runs the handlers of signals between the bytecodes of the main thread. What a handler raises
(Celery's soft time limit, the TimeoutError of an alarm) appears in whatever line runs, ours too.
"""

import operator
import signal
from collections import deque
from collections.abc import Callable
from inspect import CO_VARARGS
from types import CodeType, FrameType
from typing import Any


def is_interruption(error: BaseException) -> bool:
    """Whether a boundary of ours must let the exception that it caught pass.

    True for what is no Exception (SystemExit, a greenlet's end), and for what a signal handler
    raised. A handler's frame is known by its argument, which is the frame that it interrupted, or
    by being installed now. A handler without a frame of its own, written in C, is not known; nor is
    an exception that another thread sets in this one, unless it is no Exception.
    """
    if not isinstance(error, Exception):
        return True
    handlers: set[CodeType] | None = None
    step, interrupted = error.__traceback__, None
    while step is not None:
        frame = step.tb_frame
        if interrupted is not None:
            if _has_argument(frame, interrupted):
                return True
            if handlers is None:
                handlers = _installed()
            if frame.f_code in handlers:
                return True
        step, interrupted = step.tb_next, frame
    return False


def put_behind(later: BaseException, earlier: BaseException) -> None:
    """Make `earlier` a context of `later`, as Python does if it is handled when `later` is raised.

    So neither of two exceptions is lost if code of ours has held the earlier one back.
    """
    last = later
    while last is not earlier and last.__context__ is not None:
        last = last.__context__
    if last is not earlier:
        last.__context__ = earlier


def in_one_step(*calls: Callable[[], object]) -> None:
    """Make the calls without a signal handler between them; one that raises ends the step.

    They must be functions written in C, or partials of those: Python runs handlers between the
    bytecodes of its own functions only.
    """
    deque(map(operator.call, calls), maxlen=0)


def _has_argument(frame: FrameType, value: object) -> bool:
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = frame.f_locals
    if any(found.get(name) is value for name in names):
        return True
    if code.co_flags & CO_VARARGS:
        rest = found.get(code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
        return isinstance(rest, tuple) and any(item is value for item in rest)
    return False


def _installed() -> set[CodeType]:
    found = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        while hasattr(handler, "func"):  # a partial
            handler = handler.func
        if callable(handler) and not hasattr(handler, "__code__"):
            handler = getattr(handler, "__func__", None) or vars(type(handler)).get("__call__")
        code = getattr(handler, "__code__", None)
        if isinstance(code, CodeType):
            found.add(code)
    return found
