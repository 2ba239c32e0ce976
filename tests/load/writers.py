"""Processes that write metrics, grow their files, die by kill -9 and are replaced.

`python -m tests.load.writers` does it with WRITERS processes at a time, LIVES in all, and prints as
JSON what all of them together have counted. It is exact: each kills itself after a known number of
writes, wherever that leaves its files.
"""

import json
import os
import random
import signal
import sys
import time
from collections import Counter

from monitoring import storage

WRITERS = 5
LIVES = 300


def plan(life: int) -> list[str]:
    """The `item` label of each write of a process: some that all have, some of few."""
    chance = random.Random(life)
    return [
        f"item-{chance.choice((chance.randrange(10), chance.randrange(600)))}"
        for _ in range(chance.randrange(20, 400))
    ]


def live(life: int) -> None:
    """Write what is planned for this life, and die."""
    from tests.load.families import alive, items, sizes  # noqa: PLC0415  (after the install)

    alive.set(1)
    for number, item in enumerate(plan(life)):
        items.labels(item).inc()
        sizes.observe(number)
        if number % 50 == 49:
            time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    storage.install("web")
    pids: set[int] = set()
    total: Counter[str] = Counter()
    for life in range(LIVES):
        total.update(plan(life))
        if len(pids) == WRITERS:
            pids.remove(os.wait()[0])
        pid = os.fork()
        if pid == 0:
            live(life)
        pids.add(pid)
    while pids:
        pids.remove(os.wait()[0])
    json.dump(total, sys.stdout)


if __name__ == "__main__":
    main()
