"""Finds the line of the project's own code that asked for the current query."""

import site
import sys
import sysconfig
from asyncio import Task
from collections.abc import Iterator, Set
from functools import cache, lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from monitoring.instruments.databases.log_place import base_directory

_MAX_FRAMES = 400
_MAX_FILES = 4096  # whose names are kept
_PARTS_OUTSIDE = 3  # of the path of a file that is not below BASE_DIR
_PACKAGE = str(Path(__file__).parents[2]) + "/"
# Functions of BaseHandler that call the view. Outside of them are the middlewares, which did not
# ask for the view's queries.
_CALLS_VIEW = frozenset({"_get_response", "_get_response_async"})
_LEAVES_TASK = "thread_handler"  # of asgiref: outside of it is what runs the loop, not what awaits


def caller(task: "Task[Any] | None" = None) -> str | None:
    """`file:line:function` of the innermost frame that is neither a library's nor Python's.

    `task` is the one of an async request, whose query runs in a thread of Django's: it waits where
    the project asked. None if no frame is the project's own (of its template, Django's are). The
    file is relative to BASE_DIR, or the end of its path. Takes about 20 µs.
    """
    frames = _stack(sys._getframe(1))
    if task is None:
        return _own(frames, _CALLS_VIEW)
    here = _own(frames, _CALLS_VIEW | {_LEAVES_TASK})
    return here or _own(reversed(list(_waiting(task))), _CALLS_VIEW)


def _own(frames: Iterator[FrameType], ends: Set[str]) -> str | None:
    """The first frame of the project's, before a library's function with one of these names."""
    for frame in frames:
        code = frame.f_code
        if (name := _name_of(code.co_filename)) is not None:
            return f"{name}:{frame.f_lineno}:{code.co_qualname}"
        if code.co_name in ends:
            return None
    return None


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


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
    if file.startswith(("<", *_places_of_libraries())) or _is_installed(file):
        return None
    path, base = Path(file), base_directory().absolute()
    if path.is_relative_to(base):
        return str(path.relative_to(base))
    return "/".join(path.parts[-_PARTS_OUTSIDE:])


def _is_installed(file: str) -> bool:
    """Whether a path is of an installed package, of whatever environment."""
    return "/site-packages/" in file or "/dist-packages/" in file


@cache
def _places_of_libraries() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {*site.getsitepackages(), site.getusersitepackages()}
    return (_PACKAGE, *sorted(f"{place}/" for place in found if place))
