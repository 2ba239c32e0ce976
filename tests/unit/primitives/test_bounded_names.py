"""Label values stay bounded, whatever names come and however many threads bring them."""

import threading
from concurrent.futures import ThreadPoolExecutor

from monitoring.primitives.bounded_names import BoundedNames


def label(names: BoundedNames[str], name: str) -> str:
    return names.get(name) or names.learn(name, name)


def test_further_names_share_one_and_known_ones_keep_theirs() -> None:
    names = BoundedNames(2, "_OTHER")
    assert [label(names, name) for name in "abcabd"] == ["a", "b", "_OTHER", "a", "b", "_OTHER"]
    assert set(names) == {"a", "b"}


def test_a_name_that_is_known_is_not_learnt_anew() -> None:
    names = BoundedNames(2, "_OTHER")
    assert names.learn("a", "first") == "first"
    assert names.learn("a", "second") == "first"
    assert names.learn("b", "b") == "b"
    assert names.learn("a", "third") == "first"  # there is no room, but it needs none


def test_no_room_at_all() -> None:
    assert label(BoundedNames(0, "_OTHER"), "a") == "_OTHER"


def test_many_threads_learn_no_more_than_the_limit() -> None:
    names, count, limit = BoundedNames(50, "_OTHER"), 16, 50
    together = threading.Barrier(count)

    def learn(thread: int) -> set[str]:
        together.wait(30)
        return {label(names, f"{thread}-{number}") for number in range(100)}

    with ThreadPoolExecutor(count) as threads:
        found = set().union(*threads.map(learn, range(count)))
    assert len(names) == limit
    assert found == {*names, "_OTHER"}
