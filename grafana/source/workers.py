"""Workers and exporter: processes, saturation, and what monitoring itself costs."""

from grafana_foundation_sdk.models import dashboard as models

from grafana.source.frame import build
from grafana.source.panels import Query, lines, rate, series
from prometheus.source.settings import Settings


def workers_and_exporter(settings: Settings) -> models.Dashboard:
    return build(
        "django-workers",
        "Workers and exporter",
        "gunicorn's workers, the processes behind the slots, and the exporter itself.",
        (
            ("gunicorn", _gunicorn()),
            ("Processes", _processes()),
            ("Exporter", _exporter()),
        ),
        settings,
        anchor="djangoworkersallbusy",
    )


def _gunicorn() -> tuple[object, ...]:
    queue = f"sum by (le) ({rate('http_request_queue_seconds_bucket')})"
    return (
        lines(
            "Workers",
            "Workers busy and idle at the moment of the scrape, and how many there should be.",
            "short",
            (
                Query(f"sum by (state) ({series('gunicorn_workers')})", "{{state}}"),
                Query(
                    f"sum({series('gunicorn_workers_configured')})", "configured", threshold=True
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
                    f"({series('gunicorn_listen_backlog_connections')})",
                    "{{instance}} {{listener}}",
                ),
                Query(
                    f"min({series('gunicorn_listen_backlog_limit_connections')})",
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
                Query(f"sum({rate('gunicorn_worker_boots_total')})", "started"),
                Query(
                    f"sum by (reason) ({rate('gunicorn_worker_exits_total')})", "ended {{reason}}"
                ),
            ),
        ),
        lines(
            "Requests in progress",
            "Requests being answered by each instance.",
            "short",
            (Query(f"sum by (instance) ({series('http_requests_in_progress')})", "{{instance}}"),),
        ),
        lines(
            "Slots",
            "Slots by role: held by a live process, or free with its counts kept.",
            "short",
            (Query(f"sum by (role, state) ({series('monitoring_slots')})", "{{role}} {{state}}"),),
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
                    f"sum by (instance, slot) ({rate('process_cpu_seconds_total')})",
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
                    f"sum by (instance, slot) ({series('process_resident_memory_bytes')})",
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
                    f"{series('process_open_fds')} / {series('process_max_fds')}",
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
                    f"sum by (generation) ({rate('python_gc_collections_total')})",
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
                    f"sum by (instance, slot) ({series('process_threads')})",
                    "{{instance}} {{slot}}",
                ),
            ),
        ),
        lines(
            "Age of processes",
            "Time since the process started.",
            "s",
            (Query(f"time() - {series('process_start_time_seconds')}", "{{instance}} {{slot}}"),),
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
                Query(series("monitoring_scrape_duration_seconds"), "{{instance}} merge"),
                Query(series("scrape_duration_seconds"), "{{instance}} scrape"),
            ),
        ),
        lines(
            "Metric files",
            "Files read by a scrape. They grow with the processes that live together, not with "
            "time.",
            "short",
            (Query(f"sum by (state) ({series('monitoring_files')})", "{{state}}"),),
        ),
        lines(
            "Drops and damages",
            "What could not be recorded, by reason, and damaged files, in a second. Should be 0.",
            "ops",
            (
                Query(f"sum by (reason) ({rate('monitoring_dropped_total')})", "{{reason}}"),
                Query(f"sum({rate('monitoring_corrupt_files_total')})", "damaged files"),
            ),
        ),
        lines(
            "Series",
            "Samples in a scrape, as Prometheus counts them.",
            "short",
            (Query(series("scrape_samples_scraped"), "{{instance}}"),),
        ),
    )
