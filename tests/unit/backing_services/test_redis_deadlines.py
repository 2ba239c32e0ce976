"""The one client for Redis: it waits no longer than it was told, and tries nothing twice."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from monitoring.backing_services.redis_client import RedisStore, redis_client
from monitoring.errors import RedisUnavailableError


class Silent:
    """A server that takes connections and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.taken: list[socket.socket] = []
        self.url = f"redis://:hunter2@127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.taken.append(self._listener.accept()[0])
            except OSError:
                return

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, *self.taken):
            each.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.stop()


def test_a_silent_server_is_left_in_time_and_not_asked_twice(silent: Silent) -> None:
    store = RedisStore(silent.url, 0.05)
    started = time.monotonic()
    with pytest.raises(RedisUnavailableError, match=r"^Redis: TimeoutError$"):
        store.run(lambda client: client.ping())
    assert time.monotonic() - started < 30  # and not the minutes of TCP
    with pytest.raises(RedisUnavailableError, match="a moment ago"):
        store.run(lambda client: client.ping())
    assert len(silent.taken) == 1


def test_a_url_that_means_nothing_is_an_error_without_its_password() -> None:
    with pytest.raises(RedisUnavailableError) as caught:
        redis_client("nonsense://:hunter2@127.0.0.1/0", 1.0)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(RedisUnavailableError):
        RedisStore("nonsense://:hunter2@127.0.0.1/0", 1.0).run(lambda client: client.ping())
