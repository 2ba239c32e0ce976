"""For processes under libfaketime: 0.9.10 refuses clock_nanosleep's absolute deadlines on the
monotonic clock, which Python's `time.sleep` uses. `select` waits as long.

A real-time signal has them write down where their threads are.
"""

import faulthandler
import select
import signal
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep  # type: ignore[assignment]
faulthandler.register(signal.SIGRTMIN, all_threads=True)
