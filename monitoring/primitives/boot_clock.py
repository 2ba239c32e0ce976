"""A clock that never jumps and that all processes of the host share."""

import time
from functools import cache
from pathlib import Path


def now() -> float:
    """Seconds since boot, with suspended time. Setting the system clock does not change it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """An identifier of this boot; empty if unknown. Times of another boot mean nothing here."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
