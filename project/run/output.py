"""Writes to a standard output that may close (`make run | head -1`) or stall (Ctrl-S)."""

import contextlib
import os
import select
import time

_STDOUT = 1
_PIPE_BUF = 4096  # what a pipe takes in one write


def is_closed() -> bool:
    """Whether standard output has lost its reader."""
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return any(
        events & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, events in poll.poll(0)
    )


def write(text: str) -> None:
    """Wait while the reader stalls; drop the text if there is no reader any more."""
    data = text.encode(errors="replace")
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(_STDOUT, data[:_PIPE_BUF]) :]


def write_line(name: str, line: str) -> None:
    """Write a line with the time and the service's name; wait as `write` does."""
    write(f"{time.strftime('%H:%M:%S')} {name:<8} | {line.rstrip()}\n")


def write_line_now(name: str, line: str) -> None:
    """Write the same line, or drop it if that would wait."""
    if select.select([], [_STDOUT], [], 0)[1]:
        write_line(name, line)
