"""Standard output that may close or stall: `make run | head -1`, a terminal's Ctrl-S."""

import contextlib
import os
import select
import time

_STDOUT = 1
_PIPE_BUF = 4096  # what a pipe takes in one piece


def is_closed() -> bool:
    """Whether nobody can read it any more."""
    poll = select.poll()
    poll.register(_STDOUT, 0)
    return any(
        events & (select.POLLERR | select.POLLHUP | select.POLLNVAL) for _, events in poll.poll(0)
    )


def write(text: str) -> None:
    """Waits while the reader does; when there is none any more, the text is gone."""
    data = text.encode(errors="replace")
    with contextlib.suppress(OSError):
        while data:
            data = data[os.write(_STDOUT, data[:_PIPE_BUF]) :]


def write_line(name: str, line: str) -> None:
    """A line with the time and who says it; waits as `write` does."""
    write(f"{time.strftime('%H:%M:%S')} {name:<8} | {line.rstrip()}\n")


def write_line_now(name: str, line: str) -> None:
    """The same, dropped when it would have to wait."""
    if select.select([], [_STDOUT], [], 0)[1]:
        write_line(name, line)
