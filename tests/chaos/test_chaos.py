"""No request fails because of monitoring, and every one is counted, whatever happens to the site.

By default it is the first steps of one seed; `make chaos` runs it for ten minutes with a new seed.
CHAOS_SEED, CHAOS_SECONDS, CHAOS_STEPS and CHAOS_KINDS say otherwise: docs/chaos.md.
"""

import os
import time
from pathlib import Path

import pytest

from tests.chaos.disturbances import DISTURBANCES
from tests.chaos.invariants import Invariants
from tests.chaos.plan import ALL_KINDS, SHORT_SEED, SHORT_STEPS, plan
from tests.chaos.stack import Stack, run_stack
from tests.chaos.watchers import HealthWatcher, ScrapeWatcher, Watcher

_WITHOUT_END = 1_000_000
_asked = os.environ.get
SEED = int(_asked("CHAOS_SEED", SHORT_SEED))
SECONDS = float(_asked("CHAOS_SECONDS", 600))
STEPS = int(_asked("CHAOS_STEPS", _WITHOUT_END if "CHAOS_SECONDS" in os.environ else SHORT_STEPS))

KINDS = tuple(filter(None, _asked("CHAOS_KINDS", "").split(","))) or ALL_KINDS


@pytest.mark.timeout(SECONDS + 300)
def test_what_is_promised_holds_whatever_happens(tmp_path: Path) -> None:
    done: list[str] = []
    print(f"seed {SEED}")
    try:
        with run_stack(tmp_path, SEED) as stack:
            watchers = watch(stack)
            try:
                seconds = disturb(stack, watchers, done)
            except BaseException:
                stack.tell_threads()
                print(*stack.server_errors(), sep="\n")
                raise
            finally:
                for watcher in watchers:
                    watcher.stop()
            assert_seen(stack, watchers, seconds)
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


def disturb(stack: Stack, watchers: list[Watcher], done: list[str]) -> float:
    """How many seconds it took."""
    invariants = Invariants(stack)
    started = time.monotonic()
    for number, step in enumerate(plan(SEED, KINDS), start=1):
        if time.monotonic() - started > SECONDS or number > STEPS:
            break
        time.sleep(step.pause)
        done.append(step.kind)
        print(f"{stack.ledger.seconds():6.1f} s  {number}  {step}", flush=True)
        cut_off = stack.load.so_far().failed.total()
        DISTURBANCES[step.kind](stack, step)
        invariants.check()
        cut_off = stack.load.so_far().failed.total() - cut_off
        if cut_off:
            print(f"{cut_off} requests cut off by {step.kind}", flush=True)
        assert [watcher.wrong for watcher in watchers] == [[] for _ in watchers]
    return time.monotonic() - started


def assert_seen(stack: Stack, watchers: list[Watcher], seconds: float) -> None:
    """It is no proof if nobody looked."""
    result = stack.load.so_far()
    print(f"{result.answered.total()} answered, {result.failed.total()} cut off,", end=" ")
    print(f"{stack.tasks.ended()} tasks ran,", end=" ")
    print(", ".join(f"{watcher.name} {watcher.looks} looks" for watcher in watchers))
    assert all(watcher.looks > seconds / 10 for watcher in watchers)
    assert result.answered.total() > 5 * seconds
    assert stack.tasks.ended() > seconds / 4
    assert [watcher.wrong for watcher in watchers] == [[] for _ in watchers]
