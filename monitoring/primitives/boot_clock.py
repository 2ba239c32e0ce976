"""Time for windows: it never steps, and all processes of the host share it."""

import time
from functools import cache
from pathlib import Path


def now() -> float:
    """Seconds since boot, suspended time included: setting the clock does not change it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@cache
def boot_id() -> str:
    """Tells this boot from another one, whose times mean nothing here; empty if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
