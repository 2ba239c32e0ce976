"""The plan is the seed's alone, and leaves nothing out."""

from collections.abc import Iterator
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.disturbances import DISTURBANCES
from tests.chaos.plan import ALL_KINDS, SHORT_SEED, SHORT_STEPS, Step, plan

seeds = st.integers(0, 2**64)


@given(seeds, st.integers(0, 200))
def test_a_seed_gives_the_same_steps_again(seed: int, count: int) -> None:
    assert list(islice(plan(seed), count)) == list(islice(plan(seed), count))


@given(seeds, st.integers(1, 5))
def test_each_round_has_every_kind_once(seed: int, rounds: int) -> None:
    for _, steps in zip(range(rounds), rounds_of(seed), strict=False):
        assert sorted(step.kind for step in steps) == sorted(ALL_KINDS)


@given(seeds)
def test_another_seed_gives_other_steps(seed: int) -> None:
    assert list(islice(plan(seed), 40)) != list(islice(plan(seed + 1), 40))


@given(seeds)
def test_what_is_left_to_chance_is_in_the_step(seed: int) -> None:
    step = next(plan(seed))
    assert step.chance().random() == step.chance().random()


def test_the_short_form_goes_to_each_part_of_the_site() -> None:
    kinds = " ".join(step.kind for step in islice(plan(SHORT_SEED), SHORT_STEPS))
    parts = ("worker", "upgrade", "exporter", "celery", "redis", "postgresql", "directory")
    assert [part for part in parts if part not in kinds] == []


def test_there_is_something_to_do_for_each_kind() -> None:
    assert set(DISTURBANCES) == set(ALL_KINDS)


def rounds_of(seed: int) -> Iterator[list[Step]]:
    steps = plan(seed)
    while True:
        yield list(islice(steps, len(ALL_KINDS)))
