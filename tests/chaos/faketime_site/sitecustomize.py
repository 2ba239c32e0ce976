"""For processes under libfaketime: 0.9.10 refuses clock_nanosleep's absolute deadlines on the
monotonic clock, which Python's `time.sleep` uses. `select` waits as long."""

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
