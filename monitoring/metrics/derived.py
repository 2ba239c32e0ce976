"""Every family that is worked out at a scrape and stored nowhere; the stored ones: metrics.py."""

from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


@dataclass(frozen=True, slots=True)
class DerivedFamily:
    """What users script against: a family's name, help and labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    type: Literal["counter", "gauge"] = "gauge"
    is_exporters: bool = True  # the in-app endpoint has it not

    def new(self) -> CounterMetricFamily | GaugeMetricFamily:
        """The family without samples."""
        kind = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        return kind(self.name, self.help, labels=self.labels)


_SLOT = ("slot", "role")

STATUS = DerivedFamily(
    "http_status_{code}_total",
    "HTTP requests answered with status {code}.",
    type="counter",
    is_exporters=False,
)
FILES = DerivedFamily(
    "monitoring_files",
    "Metric files in the metrics directory, by state.",
    ("state",),
    is_exporters=False,
)
SCRAPE_DURATION = DerivedFamily(
    "monitoring_scrape_duration_seconds", "Time this scrape took to merge.", is_exporters=False
)
ERROR_RATE = DerivedFamily(
    "http_error_rate", "Percent of requests with status >= 400, 5 minutes.", is_exporters=False
)
ACTIVE_SESSIONS = DerivedFamily(
    "http_active_sessions", "Sessions and users active in 30 minutes.", is_exporters=False
)

SLOTS = DerivedFamily("monitoring_slots", "Worker slots by role and state.", ("role", "state"))
PROCESS_CPU = DerivedFamily(
    "process_cpu_seconds_total", "User and system CPU time in seconds.", _SLOT, "counter"
)
PROCESS_RESIDENT = DerivedFamily(
    "process_resident_memory_bytes", "Resident memory in bytes.", _SLOT
)
PROCESS_VIRTUAL = DerivedFamily("process_virtual_memory_bytes", "Virtual memory in bytes.", _SLOT)
PROCESS_START = DerivedFamily(
    "process_start_time_seconds", "Start time in seconds since the Unix epoch.", _SLOT
)
PROCESS_THREADS = DerivedFamily("process_threads", "Threads.", _SLOT)
PROCESS_OPEN_FDS = DerivedFamily("process_open_fds", "Open file descriptors.", _SLOT)
PROCESS_MAX_FDS = DerivedFamily(
    "process_max_fds", "The most file descriptors the process may open.", _SLOT
)
WORKERS = DerivedFamily("gunicorn_workers", "Web workers by state, busy or idle.", ("state",))
WORKERS_CONFIGURED = DerivedFamily(
    "gunicorn_workers_configured", "Workers that gunicorn is to run."
)
HEALTH_STATUS = DerivedFamily(
    "monitoring_health_status", "What the health checks find: 1, 0.5 or 0.", ("check",)
)
QUEUE_LENGTH = DerivedFamily(
    "celery_queue_length", "Tasks that wait in the broker, all priorities.", ("queue",)
)
BACKLOG = DerivedFamily(
    "gunicorn_listen_backlog_connections",
    "Connections that wait for a worker to accept them.",
    ("listener",),
)
BACKLOG_LIMIT = DerivedFamily(
    "gunicorn_listen_backlog_limit_connections",
    "Connections that may wait; further ones are refused by the kernel.",
    ("listener",),
)
THRESHOLD = DerivedFamily(
    "monitoring_threshold",
    "The thresholds that alerts compare with, as they are now; none for one that is off.",
    ("name",),
    is_exporters=False,
)


def derived_families() -> tuple[DerivedFamily, ...]:
    """All of them, by name."""
    found = (value for value in globals().values() if isinstance(value, DerivedFamily))
    return tuple(sorted(found, key=lambda family: family.name))
