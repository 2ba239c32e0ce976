"""No request fails because of monitoring, and every one is counted, whatever happens to the site.

By default it is the first steps of one seed; `make chaos` runs it for ten minutes with a new seed.
CHAOS_SEED, CHAOS_SECONDS and CHAOS_STEPS say otherwise: docs/chaos.md.
"""

import os
import time
from pathlib import Path

import pytest

from tests.chaos.disturbances import DISTURBANCES
from tests.chaos.invariants import Invariants
from tests.chaos.plan import KINDS, SHORT_SEED, SHORT_STEPS, plan
from tests.chaos.stack import Stack, run_stack
from tests.chaos.watchers import HealthWatcher, ScrapeWatcher, Watcher

SEED = int(os.environ.get("CHAOS_SEED", str(SHORT_SEED)))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "240"))
STEPS = int(os.environ.get("CHAOS_STEPS", str(SHORT_STEPS)))


@pytest.mark.timeout(SECONDS + 300)
def test_what_is_promised_holds_whatever_happens(tmp_path: Path) -> None:
    done: list[str] = []
    print(f"seed {SEED}")
    try:
        with run_stack(tmp_path, SEED) as stack:
            watchers = watch(stack)
            try:
                disturb(stack, watchers, done)
            finally:
                for watcher in watchers:
                    watcher.stop()
            assert_seen(stack, watchers)
    except BaseException:
        print(f"replay: make chaos CHAOS_SEED={SEED} CHAOS_STEPS={len(done)}")
        raise


def watch(stack: Stack) -> list[Watcher]:
    watchers: list[Watcher] = [
        ScrapeWatcher(stack, "exporter", stack.exporter.scrape, lambda: stack.gaps),
        ScrapeWatcher(stack, "worker", stack.web.scrape, lambda: stack.cuts),
        HealthWatcher(stack),
    ]
    for watcher in watchers:
        watcher.start()
    return watchers


def disturb(stack: Stack, watchers: list[Watcher], done: list[str]) -> None:
    invariants = Invariants(stack)
    started = time.monotonic()
    for number, step in enumerate(plan(SEED), start=1):
        if time.monotonic() - started > SECONDS or number > STEPS:
            return
        time.sleep(step.pause)
        done.append(step.kind)
        print(f"{time.monotonic() - started:6.1f} s  {number}  {step}", flush=True)
        DISTURBANCES[step.kind](stack, step)
        invariants.check()
        assert [watcher.wrong for watcher in watchers] == [[] for _ in watchers]


def assert_seen(stack: Stack, watchers: list[Watcher]) -> None:
    """It is no proof if nobody looked."""
    result = stack.load.so_far()
    print(f"{result.answered.total()} answered, {result.failed.total()} cut off,", end=" ")
    print(f"{stack.tasks.ran()} tasks ran,", end=" ")
    print(", ".join(f"{watcher.name} {watcher.looks} looks" for watcher in watchers))
    assert all(watcher.looks for watcher in watchers)
    if len(KINDS) < STEPS:
        assert result.answered.total() > 10 * SECONDS
        assert stack.tasks.ran() > SECONDS / 2
        assert all(watcher.looks > SECONDS / 5 for watcher in watchers)
    assert [watcher.wrong for watcher in watchers] == [[] for _ in watchers]
