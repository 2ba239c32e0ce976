"""Limits the exporter's connections: how many there are, and how long a request takes."""

import socket
import threading
import time

from monitoring.primitives.deadline import cut


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
        """Give the connection `seconds` to read a request or to send an answer."""
        self._deadlines[connection] = time.monotonic() + seconds

    def answer(self, connection: socket.socket, seconds: float) -> None:
        """Give the connection `seconds` to answer its request; `drain` waits for that."""
        self._answering.add(connection)
        self.begin(connection, seconds)

    def rest(self, connection: socket.socket) -> None:
        """Lift the deadline: the connection waits for another request."""
        self._answering.discard(connection)
        self._deadlines.pop(connection, None)

    def leave(self, connection: socket.socket) -> None:
        self.rest(connection)
        self._free.release()

    @property
    def active(self) -> int:
        """How many requests are being read, answered or sent."""
        return len(self._deadlines)

    def end_overdue(self) -> None:
        now = time.monotonic()
        for connection, deadline in list(self._deadlines.items()):
            if deadline < now:
                cut(connection)

    def drain(self, seconds: float) -> None:
        """Wait until the answers under way are sent, for `seconds` at most."""
        deadline = time.monotonic() + seconds
        while self._answering and time.monotonic() < deadline:
            time.sleep(0.01)
