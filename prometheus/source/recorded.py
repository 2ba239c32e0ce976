"""The names of the recorded series, `level:metric:operations`, for rules and dashboards."""

# Recorded twice: with the prefix `instance:` and with `job:`.
REQUESTS = "http_requests:rate5m"
FAILED = "http_requests_failed:rate5m"
OVER_TARGET = "http_requests_over_target:rate5m"
ERRORS = "http_errors:rate5m"
TIMED = "http_request_duration_seconds_count:rate5m"
SLOW = "http_slow_requests:increase5m"

INSTANCE_SECONDS = "instance:http_request_duration_seconds_sum:rate5m"
INSTANCE_QUANTILE = "instance_quantile:http_request_duration_seconds:histogram_quantile5m"
JOB_MEAN = "job:http_request_duration_seconds:mean5m"

WORKERS_BUSY = "instance:gunicorn_workers_busy:ratio"
QUEUE_P95 = "instance:http_request_queue_seconds:p95_5m"

QUERIES = "instance_alias:django_db_queries:rate5m"
QUERIES_FAILED = "instance_alias:django_db_errors:ratio_rate5m"
QUERIES_SLOW = "instance_alias:db_slow_queries:ratio_rate5m"
QUERIES_P95 = "instance_alias:django_db_query_duration_seconds:p95_5m"
CACHE_HITS = "instance_backend:django_cache_get_hits:ratio_rate5m"
TASKS = "instance_task:celery_task_duration_seconds_count:rate5m"


def share(part: str, window: str) -> str:
    """The recorded share of FAILED or OVER_TARGET in all requests of a job in the window."""
    return f"job:{part.removesuffix(':rate5m')}:ratio_rate{window}"
