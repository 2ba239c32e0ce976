"""Free ports and waiting with a deadline."""

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(what: str, check: Callable[[], T | None], seconds: float = 20.0) -> T:
    """The first result of `check` that is true; an AssertionError with `what` after `seconds`.

    A refused connection counts as not yet.
    """
    deadline = time.monotonic() + seconds
    trouble: object = None
    while time.monotonic() < deadline:
        try:
            result = check()
        except OSError as error:
            trouble = error
        else:
            trouble = result
            if result:
                return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what} (last: {trouble})")
