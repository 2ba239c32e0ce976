"""A clock that never jumps and that all processes of the host share, and the boot it starts at."""

import time
from functools import cache
from pathlib import Path

# Linux has CLOCK_BOOTTIME. macOS counts suspended time in CLOCK_MONOTONIC, Windows in its only one.
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def now() -> float:
    """Seconds since boot, with suspended time. Setting the system clock does not change it."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


@cache
def boot_id() -> str:
    """An identifier of this boot; empty if unknown. Times of another boot mean nothing here."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "" if hasattr(time, "CLOCK_BOOTTIME") else _session_of_macos() or _minute_of_boot()


def _session_of_macos() -> str:
    """kern.bootsessionuuid: unlike the time of the boot, it stays when the clock is set."""
    import ctypes  # noqa: PLC0415  (a megabyte that Linux does not need)

    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (AttributeError, OSError, TypeError):  # no such function; on Windows, no such library
        return ""
    text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    failed = ask(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0)
    return "" if failed else text.value.decode(errors="replace")


def _minute_of_boot() -> str:
    """Setting the clock changes it: then snapshots of earlier processes are left out."""
    return f"minute {round((time.time() - now()) / 60)}"
