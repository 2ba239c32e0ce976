"""The names of all metric families. Everything else takes them from here; it needs no Django.

A constant is the exposed name in capitals, without `_total`. A histogram's constant has the names
of its samples as attributes.
"""

from monitoring.storage import own_counters


class HistogramNames:
    """The names of a histogram's family and of its samples."""

    __slots__ = ("bucket", "count", "family", "sum")

    def __init__(self, family: str) -> None:
        self.family = family
        self.bucket = f"{family}_bucket"
        self.count = f"{family}_count"
        self.sum = f"{family}_sum"


def family_of(counter: str) -> str:
    """A counter's family name in prometheus-client and the metric files: without `_total`."""
    return counter.removesuffix("_total")


# Requests.
HTTP_REQUESTS = "http_requests_total"
HTTP_ERRORS = "http_errors_total"
HTTP_REQUEST_DURATION_SECONDS = HistogramNames("http_request_duration_seconds")
HTTP_REQUEST_DURATION_HIGHR_SECONDS = HistogramNames("http_request_duration_highr_seconds")
HTTP_REQUESTS_IN_PROGRESS = "http_requests_in_progress"
HTTP_SLOW_REQUESTS = "http_slow_requests_total"
HTTP_EXCEPTIONS = "http_exceptions_total"
HTTP_REQUEST_QUEUE_SECONDS = HistogramNames("http_request_queue_seconds")
HTTP_REQUEST_QUERIES = HistogramNames("http_request_queries")
HTTP_REQUEST_DB_SECONDS = "http_request_db_seconds_total"
HTTP_REQUEST_CACHE_SECONDS = "http_request_cache_seconds_total"
HTTP_REQUEST_OUTGOING_SECONDS = "http_request_outgoing_seconds_total"
HTTP_REQUEST_DB_QUERIES = "http_request_db_queries_total"
HTTP_STATUS_CODE = "http_status_{code}_total"  # one for each status code
HTTP_ERROR_RATE = "http_error_rate"
HTTP_ACTIVE_SESSIONS = "http_active_sessions"

# Databases. Names with `django_` are django-prometheus's, which prefixes them with its setting
# PROMETHEUS_METRIC_NAMESPACE.
DJANGO_DB_NEW_CONNECTIONS = "django_db_new_connections_total"
DJANGO_DB_NEW_CONNECTION_ERRORS = "django_db_new_connection_errors_total"
DJANGO_DB_EXECUTE = "django_db_execute_total"
DJANGO_DB_EXECUTE_MANY = "django_db_execute_many_total"
DJANGO_DB_ERRORS = "django_db_errors_total"
DJANGO_DB_QUERY_DURATION_SECONDS = HistogramNames("django_db_query_duration_seconds")
DJANGO_MIGRATIONS_APPLIED = "django_migrations_applied_total"  # a gauge, like the next one
DJANGO_MIGRATIONS_UNAPPLIED = "django_migrations_unapplied_total"
DB_QUERY_DURATION_HIGHR_SECONDS = HistogramNames("db_query_duration_highr_seconds")
DB_SLOW_QUERIES = "db_slow_queries_total"
DB_SLOW_QUERY_LOG_SUPPRESSED = "db_slow_query_log_suppressed_total"
DB_REPEATED_QUERIES = "db_repeated_queries_total"
DB_TRACKED_QUERIES = "db_tracked_queries_total"
DB_TRACKED_QUERY_SECONDS = "db_tracked_query_seconds_total"
DB_POOL_CONNECTIONS = "db_pool_connections"
DB_POOL_REQUESTS_WAITING = "db_pool_requests_waiting"
DB_POOL_REQUESTS = "db_pool_requests_total"
DB_POOL_REQUESTS_QUEUED = "db_pool_requests_queued_total"
DB_POOL_REQUEST_ERRORS = "db_pool_request_errors_total"
DB_POOL_WAIT_SECONDS = "db_pool_wait_seconds_total"

# Caches.
DJANGO_CACHE_GET = "django_cache_get_total"
DJANGO_CACHE_GET_HITS = "django_cache_get_hits_total"
DJANGO_CACHE_GET_MISSES = "django_cache_get_misses_total"
DJANGO_CACHE_GET_FAIL = "django_cache_get_fail_total"
CACHE_OPERATIONS = "cache_operations_total"
CACHE_OPERATION_SECONDS = "cache_operation_seconds_total"

# Outgoing HTTP.
OUTGOING_HTTP_REQUEST_DURATION_SECONDS = HistogramNames("outgoing_http_request_duration_seconds")

# Celery.
CELERY_TASK_DURATION_SECONDS = HistogramNames("celery_task_duration_seconds")
CELERY_TASK_QUEUE_SECONDS = HistogramNames("celery_task_queue_seconds")
CELERY_TASKS_STARTED = "celery_tasks_started_total"
CELERY_TASK_RETRIES = "celery_task_retries_total"
CELERY_TASKS_REVOKED = "celery_tasks_revoked_total"
CELERY_MESSAGES_REFUSED = "celery_messages_refused_total"
CELERY_TASKS_IN_PROGRESS = "celery_tasks_in_progress"
CELERY_QUEUE_LENGTH = "celery_queue_length"

# Processes.
GUNICORN_WORKER_BOOTS = "gunicorn_worker_boots_total"
GUNICORN_WORKER_EXITS = "gunicorn_worker_exits_total"
GUNICORN_WORKERS = "gunicorn_workers"
GUNICORN_WORKERS_CONFIGURED = "gunicorn_workers_configured"
GUNICORN_LISTEN_BACKLOG_CONNECTIONS = "gunicorn_listen_backlog_connections"
GUNICORN_LISTEN_BACKLOG_LIMIT_CONNECTIONS = "gunicorn_listen_backlog_limit_connections"
PROCESS_CPU_SECONDS = "process_cpu_seconds_total"
PROCESS_RESIDENT_MEMORY_BYTES = "process_resident_memory_bytes"
PROCESS_VIRTUAL_MEMORY_BYTES = "process_virtual_memory_bytes"
PROCESS_START_TIME_SECONDS = "process_start_time_seconds"
PROCESS_THREADS = "process_threads"
PROCESS_OPEN_FDS = "process_open_fds"
PROCESS_MAX_FDS = "process_max_fds"
PYTHON_GC_COLLECTIONS = "python_gc_collections_total"
PYTHON_GC_OBJECTS_COLLECTED = "python_gc_objects_collected_total"
PYTHON_GC_OBJECTS_UNCOLLECTABLE = "python_gc_objects_uncollectable_total"

# Monitoring itself. The storage defines the first two, because it imports nothing from here.
MONITORING_DROPPED = f"{own_counters.DROPPED_NAME}_total"
MONITORING_CORRUPT_FILES = f"{own_counters.CORRUPT_NAME}_total"
MONITORING_MERGES = "monitoring_merges_total"
MONITORING_COLLECTOR_ERRORS = "monitoring_collector_errors_total"
MONITORING_FILES = "monitoring_files"
MONITORING_SLOTS = "monitoring_slots"
MONITORING_SCRAPE_DURATION_SECONDS = "monitoring_scrape_duration_seconds"
MONITORING_HEALTH_STATUS = "monitoring_health_status"
MONITORING_THRESHOLD = "monitoring_threshold"
