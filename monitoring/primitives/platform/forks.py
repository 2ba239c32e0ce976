"""Runs what a forked child must do first, whoever forks it: Python, or uWSGI in C.

No process on Windows has a forked child: there, nothing is ever called. uWSGI runs Python's hooks
only if an option says so (`py-call-osafterfork`). Its own hook runs always: in workers, mules and
spoolers, and in the first process if that is a worker itself.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def _nothing(**calls: Callable[[], object]) -> None:
    """Takes what `os.register_at_fork` takes."""


at_fork: Callable[..., None] = getattr(os, "register_at_fork", _nothing)

_calls: list[Callable[[], object]] = []
_follows_uwsgi = False


def in_each_child(call: Callable[[], object]) -> None:
    """Register a call for every forked child, which runs in the order of registration.

    It must bear to be made twice, in a process that has just begun.
    """
    global _follows_uwsgi  # noqa: PLW0603
    at_fork(after_in_child=call)
    _calls.append(call)
    uwsgi = uwsgi_module()
    if uwsgi is not None and not _follows_uwsgi:
        _follows_uwsgi = True
        _follow(uwsgi)


def uwsgi_module() -> ModuleType | None:
    """The module that uWSGI gives to its processes; None under any other server."""
    module = sys.modules.get("uwsgi")
    return module if hasattr(module, "worker_id") else None


def _follow(uwsgi: Any) -> None:
    # The decorators' list, because they replace the hook whenever the project imports them. They
    # cannot be imported without a master; some distributions do not install them.
    with contextlib.suppress(Exception):
        import uwsgidecorators  # noqa: PLC0415

        uwsgidecorators.postfork_chain.append(_begin_child)
        return
    earlier = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        _begin_child()
        if earlier is not None:
            earlier()

    uwsgi.post_fork_hook = hook


def _begin_child() -> None:
    for call in _calls:
        call()
