"""What a signal handler raises reaches the user's code, and counts stay whole."""

import functools
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

import pytest

from monitoring.primitives.interruptions import is_interruption
from tests.unit.conftest import RunPython
from tests.unit.stock import stock_samples


class _SoftLimitError(Exception):
    pass


def _plain(number: int, frame: FrameType | None) -> None:
    raise _SoftLimitError


def _with_rest(*arguments: object) -> None:
    raise TimeoutError


def _that_resets_itself(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    _plain(number, None)


class _Callable:
    def __call__(self, number: int, frame: FrameType | None) -> None:
        del frame
        raise _SoftLimitError


@pytest.mark.needs("signals")
@pytest.mark.parametrize(
    "handler",
    [_plain, _with_rest, _that_resets_itself, _Callable(), functools.partial(_plain)],
)
def test_what_a_signal_handler_raises_is_known(
    handler: Callable[[int, FrameType | None], None],
) -> None:
    before = signal.signal(signal.SIGUSR1, handler)
    found = False
    try:
        signal.raise_signal(signal.SIGUSR1)
    except Exception as error:
        found = is_interruption(error)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found


def test_an_error_of_ours_is_none() -> None:
    with pytest.raises(_SoftLimitError) as raised:
        _plain(1, None)
    assert not is_interruption(raised.value)
    assert is_interruption(SystemExit())


_BOUNDARIES = """
import random
from itertools import count
import django
from django.conf import settings
settings.configure(DATABASES={}, CACHES={}, USE_TZ=True, ROOT_URLCONF='nowhere')
django.setup()
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch
from monitoring.storage.values import process_lock, add_all, value_of
from monitoring.instruments.databases.recorder import query_recorder
from monitoring.instruments.caches.recorder import cache_recorder
from monitoring.instruments.caches.counting import counting_class
from monitoring.middleware import PerformanceMonitoringMiddleware
from django.core.cache.backends.dummy import DummyCache

class Soft(TimeoutError):
    pass

raised = [0]
def handler(number, frame):
    raised[0] += 1
    raise Soft
signal.signal(signal.SIGALRM, handler)

done = [0]
def execute(*_):
    done[0] += 1
recorder = query_recorder('default', 'sqlite', False)
cache = counting_class(DummyCache, 'default')('', {})
finished = [0]
def view(request):
    request.resolver_match = ResolverMatch(view, (), {}, route='r/')
    finished[0] += 1
    return HttpResponse()
site = PerformanceMonitoringMiddleware(view)
fresh = Counter('fresh', 'F.', ['n'])
numbers = count()
def query(): recorder(execute, 'SELECT 1', None, False, {})
def get(): cache.get('a')
def request():
    r = HttpRequest(); r.method = 'GET'; site(r)
def make(): fresh.labels(next(numbers)).inc()
STEP = {'query': query, 'cache': get, 'request': request, 'new series': make}[WHICH]
# A call that makes a series takes longer: half of them are to be made between two exceptions.
LONGEST = {'new series': 250e-6}.get(WHICH, 60e-6)
STEP(); arrived = calls = 0
done[0] = finished[0] = 0
random.seed(1)
end = time.monotonic() + 60
while arrived < TIMES and time.monotonic() < end:
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, LONGEST))
            for _ in range(40):
                calls += 1
                STEP()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Soft:
        arrived += 1
assert arrived == raised[0], (arrived, raised)
from monitoring.metrics.request_families import http_metrics
print(arrived, calls, done[0], finished[0])
assert value_of(http_metrics().in_progress).get() == 0
"""


def _run(run_python: RunPython, which: str) -> tuple[int, int, int]:
    """Runs until 3,000 exceptions have arrived; calls begun, queries run, requests answered."""
    output = run_python(f"WHICH, TIMES = {which!r}, 3000\n{_BOUNDARIES}")
    arrived, calls, queries, answers = map(int, output.split())
    assert arrived > 500
    return calls, queries, answers


def _total(samples: Mapping[tuple[str, tuple[tuple[str, str], ...]], float], name: str) -> float:
    return sum(value for (found, _), value in samples.items() if found == name)


@pytest.mark.needs("signals")
def test_a_query_that_was_run_is_counted_once_and_whole(
    run_python: RunPython, metrics_directory: Path
) -> None:
    calls, queries, _ = _run(run_python, "query")
    samples = stock_samples(metrics_directory)
    counted = _total(samples, "django_db_execute_total")
    assert queries <= counted - 1 <= calls
    assert _total(samples, "django_db_query_duration_seconds_count") == counted
    assert _total(samples, "monitoring_dropped_total") == 0


@pytest.mark.needs("signals")
def test_a_cache_operation_is_counted_whole_or_not_at_all(
    run_python: RunPython, metrics_directory: Path
) -> None:
    calls, _, _ = _run(run_python, "cache")
    samples = stock_samples(metrics_directory)
    counted = _total(samples, "django_cache_get_total")
    whole = _total(samples, "django_cache_get_misses_total") + _total(
        samples, "django_cache_get_fail_total"
    )
    assert whole == counted
    assert calls * 0.9 < counted <= calls + 1
    assert _total(samples, "monitoring_dropped_total") == 0


@pytest.mark.needs("signals")
def test_a_request_that_was_answered_is_counted_once_and_whole(
    run_python: RunPython, metrics_directory: Path
) -> None:
    calls, _, answers = _run(run_python, "request")
    samples = stock_samples(metrics_directory)
    counted = _total(samples, "http_requests_total")
    assert answers <= counted - 1 <= calls
    assert _total(samples, "http_request_duration_seconds_count") == counted
    assert _total(samples, "monitoring_dropped_total") == 0


@pytest.mark.needs("signals")
def test_files_stay_whole_while_series_are_made(
    run_python: RunPython, metrics_directory: Path
) -> None:
    calls, _, _ = _run(run_python, "new series")
    samples = stock_samples(metrics_directory)
    values = [value for (name, _), value in samples.items() if name == "fresh_total"]
    # Newer Pythons are interrupted earlier in a call, and half of them before they count.
    assert calls * 0.25 < sum(values) <= calls + 1
    assert set(values) <= {0, 1}
    assert _total(samples, "monitoring_corrupt_files_total") == 0
    assert _total(samples, "monitoring_dropped_total") == 0
