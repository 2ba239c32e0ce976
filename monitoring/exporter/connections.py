"""The exporter's connections: a bounded number, none of which may dawdle."""

import contextlib
import socket
import threading
import time


class Connections:
    """Counts the open connections, and ends those whose request is not done by its deadline.

    A socket's own timeout starts anew with every byte; this one does not.
    """

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._deadlines: dict[socket.socket, float] = {}
        self._answering: set[socket.socket] = set()

    def admit(self) -> bool:
        """Take a place; False if there is none."""
        return self._free.acquire(blocking=False)

    def begin(self, connection: socket.socket, seconds: float) -> None:
        """The connection reads a request, or sends an answer; it has so many seconds for it."""
        self._deadlines[connection] = time.monotonic() + seconds

    def answer(self, connection: socket.socket, seconds: float) -> None:
        """A request was read: `drain` waits for its answer."""
        self._answering.add(connection)
        self.begin(connection, seconds)

    def rest(self, connection: socket.socket) -> None:
        """The connection waits for another request."""
        self._answering.discard(connection)
        self._deadlines.pop(connection, None)

    def leave(self, connection: socket.socket) -> None:
        self.rest(connection)
        self._free.release()

    @property
    def active(self) -> int:
        """How many are in a request: being read, answered or sent."""
        return len(self._deadlines)

    def end_overdue(self) -> None:
        now = time.monotonic()
        for connection, deadline in list(self._deadlines.items()):
            if deadline < now:
                with contextlib.suppress(OSError):
                    # Not ssl's own shutdown, which is not made for another thread.
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def drain(self, seconds: float) -> None:
        """Wait until what is being answered is sent, so many seconds at most."""
        deadline = time.monotonic() + seconds
        while self._answering and time.monotonic() < deadline:
            time.sleep(0.01)
