"""A server that answers with a byte now and then, and never comes to an end."""

import contextlib
import socket
import threading
from collections.abc import Iterator

_EVERY_SECONDS = 0.02


class Drips:
    """Sends `start` at once to whoever connects, then a byte `x` every 20 ms."""

    def __init__(self, start: bytes, port: int = 0) -> None:
        self._start = start
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(self._start)
            while not self._over.wait(_EVERY_SECONDS):
                connection.sendall(b"x")

    def stop(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()


@contextlib.contextmanager
def dripping(start: bytes, port: int = 0) -> Iterator[Drips]:
    """On a free port by default."""
    server = Drips(start, port)
    try:
        yield server
    finally:
        server.stop()
