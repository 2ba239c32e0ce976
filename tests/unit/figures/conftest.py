"""The figures' tests count requests as workers do, in processes of their own."""

from collections.abc import Callable, Sequence

import pytest

from tests.unit.conftest import RunPython

CountRequests = Callable[..., None]

_SCRIPT = """
from django.conf import settings
settings.configure()
from bisect import bisect_left
from monitoring.metrics.request_families import HIGHR_BOUNDS, http_metrics
from monitoring.storage.fine_file import FineRow
from monitoring.storage.values import add_all
metrics, route = http_metrics(), {route!r}
row = FineRow("GET", route)
for status, seconds in {requests}:
    metrics.requests.labels("GET", route, str(status)).inc()
    metrics.duration.labels("GET", route).observe(seconds)
    metrics.duration_highr.observe(seconds)
    add_all([(row[bisect_left(HIGHR_BOUNDS, seconds)], 1.0)])
"""


@pytest.fixture
def count_requests(run_python: RunPython) -> CountRequests:
    """Count requests (status, seconds) in the test's own metrics directory, in a new process."""

    def count(requests: Sequence[tuple[int, float]], route: str = "/a/") -> None:
        run_python(_SCRIPT.format(requests=list(requests), route=route))

    return count
