"""The queue of a listening socket is what the kernel has."""

import socket
from collections.abc import Iterator

import pytest

from monitoring.processes.listeners import listen_queues, somaxconn
from tests.servers.ports import wait_for


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::1", "::"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as bound:
        bound.bind((request.param, 0))
        bound.listen(16)
        yield bound


@pytest.mark.needs("proc")
def test_connections_that_nobody_accepts_are_counted(listener: socket.socket) -> None:
    address, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    assert listen_queues()[address, port] == 0
    clients = [socket.create_connection((reachable, port)) for _ in range(5)]
    wait_for("five in the queue", lambda: listen_queues()[address, port] == 5)
    listener.accept()[0].close()
    assert listen_queues()[address, port] == 4
    for client in clients:
        client.close()


@pytest.mark.needs("proc")
def test_the_kernels_own_limit_is_known() -> None:
    limit = somaxconn()
    assert limit is not None
    assert limit > 0
