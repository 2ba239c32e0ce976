"""The dashboard of workers and exporter: processes, saturation, cost of monitoring."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import Query, lines, rate, series
from monitoring.metrics import names
from prometheus.source.options import RuleOptions


def workers_and_exporter(options: RuleOptions) -> models.Dashboard:
    return build(
        "django-workers",
        "Workers and exporter",
        "gunicorn's workers, the processes behind the slots, and the exporter itself.",
        (
            ("gunicorn", _gunicorn()),
            ("Processes", _processes()),
            ("Exporter", _exporter()),
        ),
        options,
        anchor="djangoworkersallbusy",
    )


def _gunicorn() -> tuple[object, ...]:
    queue = f"sum by (le) ({rate(names.HTTP_REQUEST_QUEUE_SECONDS.bucket)})"
    return (
        lines(
            "Workers",
            "Workers busy and idle at the moment of the scrape, and how many there should be.",
            "short",
            (
                Query(f"sum by (state) ({series(names.GUNICORN_WORKERS)})", "{{state}}"),
                Query(
                    f"sum({series(names.GUNICORN_WORKERS_CONFIGURED)})",
                    "configured",
                    threshold=True,
                ),
            ),
            stacked=True,
        ),
        lines(
            "Listen queue",
            "Connections that no worker has accepted yet, and how many the kernel keeps.",
            "short",
            (
                Query(
                    "max by (instance, listener) "
                    f"({series(names.GUNICORN_LISTEN_BACKLOG_CONNECTIONS)})",
                    "{{instance}} {{listener}}",
                ),
                Query(
                    f"min({series(names.GUNICORN_LISTEN_BACKLOG_LIMIT_CONNECTIONS)})",
                    "limit",
                    threshold=True,
                ),
            ),
        ),
        lines(
            "Queue time",
            "Time from the proxy's X-Request-Start to the first middleware.",
            "s",
            tuple(
                Query(f"histogram_quantile({q:g}, {queue})", f"p{q * 100:g}") for q in (0.5, 0.95)
            ),
            exemplars=True,
        ),
        lines(
            "Workers started and ended",
            "In a second, by what ended them: SIGKILL and SIGABRT are not deploys.",
            "ops",
            (
                Query(f"sum({rate(names.GUNICORN_WORKER_BOOTS)})", "started"),
                Query(f"sum by (reason) ({rate(names.GUNICORN_WORKER_EXITS)})", "ended {{reason}}"),
            ),
        ),
        lines(
            "Requests in progress",
            "Requests being answered by each instance.",
            "short",
            (
                Query(
                    f"sum by (instance) ({series(names.HTTP_REQUESTS_IN_PROGRESS)})", "{{instance}}"
                ),
            ),
        ),
        lines(
            "Slots",
            "Slots by role: held by a live process, or free with its counts kept.",
            "short",
            (
                Query(
                    f"sum by (role, state) ({series(names.MONITORING_SLOTS)})", "{{role}} {{state}}"
                ),
            ),
        ),
    )


def _processes() -> tuple[object, ...]:
    return (
        lines(
            "CPU",
            "Seconds of CPU in a second; 1 is a whole core.",
            "short",
            (
                Query(
                    f"sum by (instance, slot) ({rate(names.PROCESS_CPU_SECONDS)})",
                    "{{instance}} {{slot}}",
                ),
            ),
        ),
        lines(
            "Resident memory",
            "Resident memory of each process; pages shared by a preloaded application count for "
            "each.",
            "bytes",
            (
                Query(
                    f"sum by (instance, slot) ({series(names.PROCESS_RESIDENT_MEMORY_BYTES)})",
                    "{{instance}} {{slot}}",
                ),
            ),
        ),
        lines(
            "File descriptors",
            "Share of the file descriptors that a process may open.",
            "percentunit",
            (
                Query(
                    f"{series(names.PROCESS_OPEN_FDS)} / {series(names.PROCESS_MAX_FDS)}",
                    "{{instance}} {{slot}}",
                ),
            ),
        ),
        lines(
            "Garbage collections",
            "Runs of Python's collector in a second by generation.",
            "ops",
            (
                Query(
                    f"sum by (generation) ({rate(names.PYTHON_GC_COLLECTIONS)})",
                    "generation {{generation}}",
                ),
            ),
        ),
        lines(
            "Threads",
            "Threads of each process.",
            "short",
            (
                Query(
                    f"sum by (instance, slot) ({series(names.PROCESS_THREADS)})",
                    "{{instance}} {{slot}}",
                ),
            ),
        ),
        lines(
            "Age of processes",
            "Time since the process started.",
            "s",
            (
                Query(
                    f"time() - {series(names.PROCESS_START_TIME_SECONDS)}", "{{instance}} {{slot}}"
                ),
            ),
        ),
    )


def _exporter() -> tuple[object, ...]:
    return (
        lines(
            "Scrape time",
            "Time to merge the metric files, as the exporter measures it, and the whole scrape, "
            "as Prometheus does.",
            "s",
            (
                Query(series(names.MONITORING_SCRAPE_DURATION_SECONDS), "{{instance}} merge"),
                Query(series("scrape_duration_seconds"), "{{instance}} scrape"),
            ),
        ),
        lines(
            "Metric files",
            "Files read by a scrape. They grow with the processes that live together, not with "
            "time.",
            "short",
            (Query(f"sum by (state) ({series(names.MONITORING_FILES)})", "{{state}}"),),
        ),
        lines(
            "Drops and damages",
            "What could not be recorded, by reason, and damaged files, in a second. Should be 0.",
            "ops",
            (
                Query(f"sum by (reason) ({rate(names.MONITORING_DROPPED)})", "{{reason}}"),
                Query(f"sum({rate(names.MONITORING_CORRUPT_FILES)})", "damaged files"),
            ),
        ),
        lines(
            "Series",
            "Samples in a scrape, as Prometheus counts them.",
            "short",
            (Query(series("scrape_samples_scraped"), "{{instance}}"),),
        ),
    )
