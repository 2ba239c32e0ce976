"""Finds the line of the project's own code that asked for the current query."""

import site
import sys
import sysconfig
from asyncio import Task, all_tasks
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from monitoring.instruments.databases.log_place import base_directory
from monitoring.primitives.encodable import encodable

_MAX_FRAMES = 400
_MAX_FILES = 4096  # whose names are kept
_MAX_PATH = 1000  # of a file; longer ones are no file's
_MAX_SHOWN = 150  # characters of a file, and of a function
_PARTS_OUTSIDE = 3  # of the path of a file that is not below BASE_DIR
_PACKAGE = str(Path(__file__).parents[2]) + "/"
# Functions of BaseHandler that call the view. Outside of them are the middlewares, which did not
# ask for the view's queries.
_CALLS_VIEW = frozenset({"_get_response", "_get_response_async"})
# Of asgiref: it runs in a thread what a task awaits. Outside of it is what runs the loop.
_RUNS_IN_THREAD, _AWAITS_THREAD = "thread_handler", "__call__"
_MAX_TASKS = 2000  # of a loop, which are searched for the one that waits


def caller() -> str | None:
    """`file:line:function` of the innermost frame that is neither a library's nor Python's.

    A query that a task awaits runs in a thread: the task waits where the project asked. None if no
    frame is the project's own (of its template, Django's are). The file is relative to BASE_DIR, or
    the end of its path. Takes about 20 µs, and 1 µs for each task that is searched.
    """
    return _first_own(_stack(sys._getframe(1)))


def _first_own(frames: Iterable[FrameType]) -> str | None:
    """Of these frames, innermost first, within the view."""
    for frame in frames:
        code = frame.f_code
        file = code.co_filename
        if len(file) <= _MAX_PATH and (name := _name_of(file)) is not None:
            return f"{name}:{frame.f_lineno}:{_shown(code.co_qualname)}"
        if code.co_name in _CALLS_VIEW:
            return None
        if code.co_name == _RUNS_IN_THREAD and (awaiting := _awaiting(frame)):
            return _first_own(reversed(awaiting))
    return None


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _awaiting(thread_handler: FrameType) -> list[FrameType]:
    """The frames of the task that awaits this thread, outermost first; empty if it is not found."""
    known = thread_handler.f_locals
    loop, work = known.get("loop"), known.get("args")
    if loop is None or not work:
        return []
    for task in islice(all_tasks(loop), _MAX_TASKS):
        frames = list(_waiting(task))
        for frame in reversed(frames):
            if frame.f_code.co_name == _AWAITS_THREAD and frame.f_locals.get("child") is work[0]:
                return frames
    return []


def _waiting(task: "Task[Any]") -> Iterator[FrameType]:
    """The frames of a task that waits, outermost first."""
    awaited: Any = task.get_coro()
    for _ in range(_MAX_FRAMES):
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            return
        yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


@lru_cache(maxsize=_MAX_FILES)
def _name_of(file: str) -> str | None:
    """How a file of the project's is shown; None if it is not one."""
    if not file or file.startswith(("<", *_places_of_libraries())) or _is_installed(file):
        return None
    if ":/" in file[3:] or "\n" in file:  # a URL, or source text: it may have anything in it
        return None
    path, base = Path(file), base_directory().absolute()
    if path.is_relative_to(base):
        return _shown(str(path.relative_to(base)))
    return _shown("/".join(path.relative_to(path.anchor).parts[-_PARTS_OUTSIDE:]))


def _shown(text: str) -> str:
    """Its end, as text that any encoding takes: a name of a file need not be one."""
    return encodable(text)[-_MAX_SHOWN:]


def _is_installed(file: str) -> bool:
    """Whether a path is of an installed package, of whatever environment."""
    return "/site-packages/" in file or "/dist-packages/" in file


@cache
def _places_of_libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {*site.getsitepackages(), site.getusersitepackages()}
    return (_PACKAGE, *sorted(f"{place}/" for place in found if place))
