"""Tries again what another process refuses for a moment."""

import time
from collections.abc import Callable

_POLL_SECONDS = 0.001


def retry(attempt: Callable[[], object], refusal: type[OSError], seconds: float) -> None:
    """Call until it is not refused. After `seconds` (may be infinite), raises the refusal."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return
        except refusal:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
