"""What is done to the site, and when: the seed alone decides, so that a failure can be replayed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ALL_KINDS = (
    "kill_worker",
    "kill_all_workers",
    "stop_worker",
    "reload",
    "upgrade",
    "more_and_fewer_workers",
    "kill_exporter",
    "kill_celery_child",
    "kill_celery",
    "kill_redis",
    "stop_redis",
    "kill_postgresql",
    "stop_postgresql",
    "fill_directory",
    "read_only_directory",
    "delete_files",
    "delete_directory",
    "damage_files",
    "step_clock",
    "interrupt_tasks",
    "fork_children",
    "drip_redis",
    "drip_prometheus",
    "delete_files_on_full_disk",
    "truncate_file",
)

# The short form: its steps go to each part of the site once.
SHORT_SEED = 19548
SHORT_STEPS = 7


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` is done after `pause` seconds of quiet, and lasts for `hold` where it lasts.

    `number` decides what is left to chance: which worker, which bytes, how far the clock goes.
    """

    kind: str
    pause: float
    hold: float
    number: int

    def chance(self) -> random.Random:
        return random.Random(self.number)


def plan(seed: int, kinds: Sequence[str] = ALL_KINDS) -> Iterator[Step]:
    """Steps without an end, in rounds: each has every kind once, in another order."""
    chance = random.Random(seed)
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            yield Step(
                kind,
                pause=round(chance.uniform(0.2, 1.0), 2),
                hold=round(chance.uniform(0.5, 2.5), 2),
                number=chance.randrange(2**32),
            )
