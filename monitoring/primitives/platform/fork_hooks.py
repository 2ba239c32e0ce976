"""Registers calls around a fork, where there is one: no process on Windows has a forked child."""

import os
from collections.abc import Callable


def _nothing(**calls: Callable[[], object]) -> None:
    """Takes what `os.register_at_fork` takes."""


at_fork: Callable[..., None] = getattr(os, "register_at_fork", _nothing)
