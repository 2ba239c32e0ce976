"""A request's deadline does not start anew with every byte."""

import socket
import threading
from collections.abc import Iterator

import pytest

from monitoring.exporter.connections import Connections
from tests.servers.ports import wait_for

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def is_ended(theirs: socket.socket) -> bool:
    theirs.setblocking(False)
    try:
        return theirs.recv(1) == b""
    except BlockingIOError:
        return False


def test_a_connection_past_its_deadline_is_ended_whatever_it_sends(pair: Pair) -> None:
    ours, theirs = pair
    connections = Connections(8)
    connections.begin(ours, 0.1)
    connections.end_overdue()
    assert not is_ended(theirs)

    def dribble() -> bool:
        connections.end_overdue()
        if is_ended(theirs):
            return True
        theirs.send(b"x")
        return False

    wait_for("its end", dribble)


def test_one_that_waits_for_its_next_request_has_no_deadline(pair: Pair) -> None:
    ours, theirs = pair
    connections = Connections(8)
    connections.begin(ours, -1)
    assert connections.active == 1
    connections.rest(ours)
    assert connections.active == 0
    connections.end_overdue()
    assert not is_ended(theirs)


def test_a_place_is_free_again_when_a_connection_leaves(pair: Pair) -> None:
    connections = Connections(1)
    assert connections.admit()
    assert not connections.admit()
    connections.leave(pair[0])
    assert connections.admit()


def test_drain_waits_for_answers_and_not_for_requests(pair: Pair) -> None:
    ours, theirs = pair
    connections = Connections(8)
    connections.begin(theirs, 60)
    connections.drain(60)
    connections.answer(ours, 60)
    drained = threading.Event()

    def drain() -> None:
        connections.drain(60)
        drained.set()

    thread = threading.Thread(target=drain)
    thread.start()
    assert not drained.wait(0.1)
    connections.rest(ours)
    assert drained.wait(30)
    thread.join()


def test_drain_ends_in_its_time(pair: Pair) -> None:
    connections = Connections(8)
    connections.answer(pair[0], 60)
    connections.drain(0.05)


def test_the_longest_silent_one_gives_its_place_to_a_newcomer(pair: Pair) -> None:
    ours, theirs = pair
    connections = Connections(2)
    assert connections.admit()
    connections.begin(ours, 60)
    connections.answer(ours, 60)
    connections.rest(ours)
    assert connections.admit()
    connections.begin(theirs, 60)
    assert connections.admit()  # in place of `ours`
    assert is_ended(theirs)
    assert not connections.admit()  # `theirs` is given a moment to send its request
    connections.leave(ours)
    assert not connections.admit()  # its place is taken
    connections.leave(theirs)
    assert connections.admit()


def test_one_that_sends_no_request_gives_way_after_a_moment_and_one_that_is_answered_does_not(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pair
    now = [1000.0]
    monkeypatch.setattr("monitoring.exporter.connections.time.monotonic", lambda: now[0])
    connections = Connections(1)
    assert connections.admit()
    connections.begin(ours, 60)
    assert not connections.admit()
    now[0] += 2
    assert connections.admit()
    connections.begin(theirs, 60)
    connections.answer(theirs, 60)
    now[0] += 2
    assert not connections.admit()
