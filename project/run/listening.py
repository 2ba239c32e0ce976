"""Whether the servers can listen where they are to, and whether they answer there."""

import contextlib
import http.client
import os
import socket
from collections.abc import Sequence

from project.environment import Address, EnvironmentVariableError

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def check_free(addresses: Sequence[Address]) -> None:
    """Raises EnvironmentVariableError for the first address where nobody could listen.

    All are tried together, so two variables with one address are found as well.
    """
    with contextlib.ExitStack() as tried:
        for address in addresses:
            family, where = address.resolve()
            try:
                probe = tried.enter_context(socket.socket(family))
                # As the servers do: a connection that lingers from the last run is no obstacle.
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
    """Where this machine reaches a server that listens there."""
    host = _ANY.get(address.host, address.host)
    return f"http://{Address(address.variable, host, address.port)}"


def answers(address: Address, method: str, path: str) -> bool:
    """Whether an HTTP server answers there, other than with an error of its own."""
    host = _ANY.get(address.host, address.host)
    connection = http.client.HTTPConnection(host, address.port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
