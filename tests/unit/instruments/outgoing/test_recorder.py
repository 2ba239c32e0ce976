"""Labels of outgoing calls are bounded, and hold a host or nothing."""

import pytest
from prometheus_client import CollectorRegistry

from monitoring.instruments.outgoing.recorder import OutgoingRecorder
from monitoring.metrics.histogram import BisectHistogram


def recorder(most_hosts: int) -> tuple[OutgoingRecorder, BisectHistogram]:
    labels = ["host", "method", "status_class"]
    duration = BisectHistogram("outgoing_of_test", "Help.", labels, registry=CollectorRegistry())
    return OutgoingRecorder(duration, most_hosts), duration


def count(made: OutgoingRecorder, *call: object) -> None:
    host, port, method, status = call
    begun = made.begin()
    assert begun is not None
    assert port is None or isinstance(port, int)
    made.end(begun, host, port, method, status)


def labels(duration: BisectHistogram) -> list[tuple[str, ...]]:
    return [tuple(key) for key in duration._metrics]


def test_hosts_past_the_limit_share_a_label_and_spellings_of_one_are_one() -> None:
    made, duration = recorder(2)
    for host in ("a.example", "A.Example", "b.example", "c.example", "a.example", "d.example"):
        count(made, host, 443, "GET", 200)
    assert labels(duration) == [
        ("a.example", "GET", "2xx"),
        ("b.example", "GET", "2xx"),
        ("_overflow", "GET", "2xx"),
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("Example.ORG", 80, "get", 204), ("example.org", "GET", "2xx")),
        (("example.org", 8080, "PURGE", 502), ("example.org:8080", "_OTHER", "5xx")),
        (("bücher.example", None, "GET", 200), ("xn--bcher-kva.example", "GET", "2xx")),
        (("::1", 443, "HEAD", 304), ("::1", "HEAD", "3xx")),
        (("user:secret@example.org/path", None, "GET", 200), ("_OTHER", "GET", "2xx")),
        (("a" * 256, None, "GET", None), ("_OTHER", "GET", "error")),
        ((None, None, None, "ok"), ("_OTHER", "_OTHER", "error")),
        (("example.org", None, "GET", 0), ("example.org", "GET", "error")),
    ],
)
def test_labels_come_from_closed_sets(
    call: tuple[object, ...], expected: tuple[str, str, str]
) -> None:
    made, duration = recorder(10)
    count(made, *call)
    assert labels(duration) == [expected]
