"""Checks whether the servers' addresses are free, and whether the servers answer there."""

import contextlib
import http.client
import os
import socket
from collections.abc import Sequence

from project.environment import Address, EnvironmentVariableError

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def check_free(addresses: Sequence[Address]) -> None:
    """Raises EnvironmentVariableError for the first address where nobody could listen.

    All are bound at once, so two variables with the same address are found as well.
    """
    with contextlib.ExitStack() as tried:
        for address in addresses:
            family, where = address.resolve()
            try:
                probe = tried.enter_context(socket.socket(family))
                # Like the servers: connections that linger from the last run are no obstacle.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
                probe.listen()
            except OSError as error:
                raise EnvironmentVariableError(
                    address.variable, str(address), _advice(address, addresses, error)
                ) from None


def _advice(address: Address, addresses: Sequence[Address], error: OSError) -> str:
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    same = [other for other in addresses if other.port == address.port and other != address]
    if same:
        reason = f"{reason} ({same[0].variable} has the same port)"
    other_port = address.port + 1 if address.port < 65535 else address.port - 1
    example = Address(address.variable, address.host, max(other_port, 1024))
    return f"{reason}. Choose another address, for example: {example.variable}={example} make run"


def url(address: Address) -> str:
    """The URL at which this machine reaches a server that listens there."""
    host = _ANY.get(address.host, address.host)
    return f"http://{Address(address.variable, host, address.port)}"


def answers(address: Address, method: str, path: str) -> bool:
    """Whether an HTTP server answers there with a status below 500."""
    host = _ANY.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
