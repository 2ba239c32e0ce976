"""The families that are computed at a scrape and stored in no file."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from monitoring.metrics import names


@dataclass(frozen=True, slots=True)
class DerivedFamily:
    """Name, help and labels of a family, which users rely on."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    type: Literal["counter", "gauge"] = "gauge"
    is_exporter_only: bool = True  # False: the in-app endpoint exposes it, too

    def new(self) -> CounterMetricFamily | GaugeMetricFamily:
        """The family without samples."""
        kind = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        return kind(self.name, self.help, labels=self.labels)


_SLOT = ("slot", "role")

STATUS = DerivedFamily(
    names.HTTP_STATUS_CODE,
    "HTTP requests answered with status {code}.",
    type="counter",
    is_exporter_only=False,
)
FILES = DerivedFamily(
    names.MONITORING_FILES,
    "Metric files in the metrics directory, by state.",
    ("state",),
    is_exporter_only=False,
)
SCRAPE_DURATION = DerivedFamily(
    names.MONITORING_SCRAPE_DURATION_SECONDS,
    "Time this scrape took to merge.",
    is_exporter_only=False,
)
ERROR_RATE = DerivedFamily(
    names.HTTP_ERROR_RATE,
    "Percent of requests with status >= 400, 5 minutes.",
    is_exporter_only=False,
)
ACTIVE_SESSIONS = DerivedFamily(
    names.HTTP_ACTIVE_SESSIONS, "Sessions and users active in 30 minutes.", is_exporter_only=False
)

SLOTS = DerivedFamily(names.MONITORING_SLOTS, "Worker slots by role and state.", ("role", "state"))
PROCESS_CPU = DerivedFamily(
    names.PROCESS_CPU_SECONDS, "User and system CPU time in seconds.", _SLOT, "counter"
)
PROCESS_RESIDENT = DerivedFamily(
    names.PROCESS_RESIDENT_MEMORY_BYTES, "Resident memory in bytes.", _SLOT
)
PROCESS_VIRTUAL = DerivedFamily(
    names.PROCESS_VIRTUAL_MEMORY_BYTES, "Virtual memory in bytes.", _SLOT
)
PROCESS_START = DerivedFamily(
    names.PROCESS_START_TIME_SECONDS, "Start time in seconds since the Unix epoch.", _SLOT
)
PROCESS_THREADS = DerivedFamily(names.PROCESS_THREADS, "Threads.", _SLOT)
PROCESS_OPEN_FDS = DerivedFamily(names.PROCESS_OPEN_FDS, "Open file descriptors.", _SLOT)
PROCESS_MAX_FDS = DerivedFamily(
    names.PROCESS_MAX_FDS, "The most file descriptors the process may open.", _SLOT
)
WORKERS = DerivedFamily(
    names.GUNICORN_WORKERS, "Web workers of any server by state, busy or idle.", ("state",)
)
WORKERS_CONFIGURED = DerivedFamily(
    names.GUNICORN_WORKERS_CONFIGURED, "Workers that gunicorn is to run."
)
HEALTH_STATUS = DerivedFamily(
    names.MONITORING_HEALTH_STATUS, "What the health checks find: 1, 0.5 or 0.", ("check",)
)
QUEUE_LENGTH = DerivedFamily(
    names.CELERY_QUEUE_LENGTH, "Tasks that wait in the broker, all priorities.", ("queue",)
)
BACKLOG = DerivedFamily(
    names.GUNICORN_LISTEN_BACKLOG_CONNECTIONS,
    "Connections that wait for a worker to accept them.",
    ("listener",),
)
BACKLOG_LIMIT = DerivedFamily(
    names.GUNICORN_LISTEN_BACKLOG_LIMIT_CONNECTIONS,
    "Connections that may wait; further ones are refused by the kernel.",
    ("listener",),
)
THRESHOLD = DerivedFamily(
    names.MONITORING_THRESHOLD,
    "The thresholds that alerts compare with, as they are now; none for one that is off.",
    ("name",),
    is_exporter_only=False,
)


def derived_families() -> tuple[DerivedFamily, ...]:
    """All derived families, sorted by name."""
    found = (value for value in globals().values() if isinstance(value, DerivedFamily))
    return tuple(sorted(found, key=lambda family: family.name))
