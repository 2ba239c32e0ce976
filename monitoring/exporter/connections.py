"""Limits the exporter's connections: how many there are, and how long a request takes."""

import socket
import threading
import time

from monitoring.primitives.deadline import cut

PATIENCE_SECONDS = 1.0  # for a request, while another connection needs the place


class Connections:
    """Counts the open connections, and ends those whose request is not done by its deadline.

    A socket's own timeout starts anew with every byte; this one does not. When all places are
    taken, silent connections give way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places = 0  # that are taken
        self._deadlines: dict[socket.socket, float] = {}
        self._answering: set[socket.socket] = set()
        # Since when they are silent: they wait for a request, or have not sent one whole.
        self._silent: dict[socket.socket, float] = {}
        self._without_place: set[socket.socket] = set()  # they gave it to another, and end

    def admit(self) -> bool:
        """Take a place, of a silent connection if all are taken; False if there is none."""
        with self._lock:
            if self._places < self._most:
                self._places += 1
                return True
            silent = self._most_silent()
            if silent is None:
                return False
            self._without_place.add(silent)
        cut(silent)
        return True

    def end_a_silent_one(self) -> None:
        """End the connection that is silent for the longest time, if any."""
        with self._lock:
            silent = self._most_silent()
        cut(silent)

    def _most_silent(self) -> socket.socket | None:
        """Those that wait for a request come first; others have PATIENCE_SECONDS to send one."""
        silent = sorted(
            (entry for entry in self._silent.copy().items() if entry[0] not in self._without_place),
            key=lambda entry: entry[1],
        )
        resting = [each for each, _ in silent if each not in self._deadlines]
        latest = time.monotonic() - PATIENCE_SECONDS
        reading = [each for each, since in silent if since <= latest]
        found = next(iter((*resting, *reading)), None)
        if found is not None:
            self._silent.pop(found, None)
        return found

    def begin(self, connection: socket.socket, seconds: float) -> None:
        """Give the connection `seconds` to send its request."""
        self._silent[connection] = time.monotonic()
        self._deadlines[connection] = time.monotonic() + seconds

    def answer(self, connection: socket.socket, seconds: float) -> None:
        """Give the connection `seconds` to answer its request; `drain` waits for that."""
        self._silent.pop(connection, None)
        self._answering.add(connection)
        self._deadlines[connection] = time.monotonic() + seconds

    def rest(self, connection: socket.socket) -> None:
        """Lift the deadline: the connection waits for another request."""
        self._answering.discard(connection)
        self._deadlines.pop(connection, None)
        self._silent[connection] = time.monotonic()

    def leave(self, connection: socket.socket) -> None:
        self._answering.discard(connection)
        self._deadlines.pop(connection, None)
        with self._lock:
            self._silent.pop(connection, None)
            if connection in self._without_place:
                self._without_place.remove(connection)
            else:
                self._places -= 1

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
