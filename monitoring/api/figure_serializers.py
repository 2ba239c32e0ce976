"""JSON shapes of the figures, for the schema: summary, series, databases, caches."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from monitoring.api.openapi import Choice
from monitoring.backing_services.database_inspection import MAX_TABLES
from monitoring.figures.intervals import MOST_BARS, MOST_POINTS
from monitoring.figures.ranking import DEFAULT_ENDPOINTS, MOST_ENDPOINTS, SORTS, TOTAL
from monitoring.figures.recent_queries import MOST_RECENT
from monitoring.figures.traffic import LOCAL, PROMETHEUS
from monitoring.instruments.requests.sessions import ACTIVE_SECONDS

SLOW_REQUESTS = 10  # in a summary
MOST_CHARACTERS = 1000  # of a method or a route that is asked for

_NEWEST_FIRST = "The last {}, newest first."

WINDOW = OpenApiParameter(
    "window",
    {
        "type": "string",
        "default": "1h",
        # For clients that generate windows; more is accepted, such as 1h30m.
        "pattern": "^(all|[1-9][0-9]{0,3}s|[1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h)$",
    },
    description="A Prometheus duration from 1s to 24h, or `all`.",
)

ENDPOINTS = OpenApiParameter(
    "endpoints",
    {"type": "integer", "minimum": 0, "maximum": MOST_ENDPOINTS, "default": DEFAULT_ENDPOINTS},
    description="How many endpoints the answer lists.",
)
SORT = OpenApiParameter(
    "sort",
    {"type": "string", "enum": list(SORTS), "default": TOTAL},
    description="Which endpoints those are, the largest first: by their time in all, by their 95th"
    " percentile, by requests, by requests with a status of 400 and above, or by their time in"
    " database queries.",
)
# No maxLength: a client that tries one character more would find the server's own limit of a URL.
_NAME = {"type": "string", "minLength": 1}
_SELECTS = f"Only what is of endpoints with this {{}}; at most {MOST_CHARACTERS} characters."
METHOD = OpenApiParameter("method", _NAME, description=_SELECTS.format("method"))
ROUTE = OpenApiParameter("route", _NAME, description=_SELECTS.format("route"))


def _number(help_text: str, **more: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=help_text, **more)


def _milliseconds(what: str, **more: Any) -> serializers.FloatField:
    return _number(f"{what}, in milliseconds.", **more)


def _of_requests(what: str) -> serializers.FloatField:
    return _number(f"{what}; null without a request.", allow_null=True)


def _share(what: str) -> serializers.FloatField:
    return _number(
        f"The part of the time {what}: 0 to 1, and more if they overlap; null without any time.",
        allow_null=True,
    )


def _response_time(what: str) -> serializers.FloatField:
    return _number(
        f"{what}, in milliseconds; null without a request, and in the lowest bucket.",
        allow_null=True,
    )


def _reasons(help_text: str) -> serializers.DictField:
    return serializers.DictField(child=serializers.CharField(), help_text=help_text)


class WindowSerializer(serializers.Serializer[Any]):
    requested_seconds = _number("null for `all`.", allow_null=True)
    covered_seconds = _number(
        "What the figures span; null if it is not known how far back they go.", allow_null=True
    )


class SummaryWindowSerializer(WindowSerializer):
    endpoints_covered_seconds = _number(
        "What the percentiles of endpoints span; null if it is not known.", allow_null=True
    )


class WorkersSerializer(serializers.Serializer[Any]):
    configured = serializers.IntegerField(allow_null=True)
    alive = serializers.IntegerField(allow_null=True)
    busy = serializers.IntegerField(allow_null=True)


class SlowRequestSerializer(serializers.Serializer[Any]):
    method = serializers.CharField()
    route = serializers.CharField()
    path = serializers.CharField(help_text="Without its query.")
    status = serializers.IntegerField()
    duration_ms = serializers.FloatField()
    timestamp = _number("Unix seconds, at its end.")
    request_id = serializers.CharField(allow_null=True, help_text="X-Request-ID, if it had one.")


class _TimesSerializer(serializers.Serializer[Any]):
    """Response times of an endpoint, or of the whole site."""

    avg_response_time = _of_requests("Mean, in milliseconds")
    min_response_time = _response_time("Shortest")
    max_response_time = _response_time("Longest")
    median_response_time = _response_time("Median")
    p90_response_time = _response_time("90th percentile")
    p95_response_time = _response_time("95th percentile")
    p99_response_time = _response_time("99th percentile")


class EndpointSerializer(_TimesSerializer):
    route = serializers.CharField()
    method = serializers.CharField()
    request_count = serializers.IntegerField()
    error_rate = _number("Percent with a status of 400 and above.", allow_null=True)
    status_codes = serializers.DictField(child=serializers.IntegerField())
    db_share = _share("in database queries")
    cache_share = _share("in cache operations, without queries within them")
    outgoing_share = _share("in outgoing HTTP calls")
    queries_per_request = _of_requests("Database queries for each request")
    unavailable = _reasons("Why a figure is null although there are requests.")


class SpentSerializer(serializers.Serializer[Any]):
    share = _share("of all requests")
    in_requests_ms = _milliseconds("In requests that have ended")
    outside_requests_ms = _milliseconds(
        "The rest: in tasks, commands, start-up, requests that do not count and those in progress"
    )


class TimeSpentSerializer(serializers.Serializer[Any]):
    db = SpentSerializer()
    cache = SpentSerializer()
    outgoing = SpentSerializer(allow_null=True)


class SummarySerializer(_TimesSerializer):
    request_count = serializers.IntegerField()
    error_count = serializers.IntegerField(help_text="Status 400 and above.")
    server_error_count = serializers.IntegerField(help_text="Status 500 and above.")
    error_rate = _of_requests("Percent")
    server_error_rate = _of_requests("Percent")
    active_sessions = serializers.IntegerField(
        allow_null=True,
        help_text=f"Sessions and bearer users of the last {ACTIVE_SECONDS // 60} minutes.",
    )
    requests_per_second = _number("null if no time is covered.", allow_null=True)
    status_codes = serializers.DictField(child=serializers.IntegerField())
    slow_requests_count = serializers.IntegerField()
    slow_requests = SlowRequestSerializer(many=True, help_text=_NEWEST_FIRST.format(SLOW_REQUESTS))
    endpoints = EndpointSerializer(many=True, help_text="As many as `endpoints` says, by `sort`.")
    endpoint_count = serializers.IntegerField(help_text="How many had a request.")
    time_spent = TimeSpentSerializer()
    in_progress = serializers.IntegerField(allow_null=True)
    workers = WorkersSerializer()
    window = SummaryWindowSerializer()
    source = Choice(  # type: ignore[assignment]
        choices=[LOCAL, PROMETHEUS]
    )
    fallback_reason = serializers.CharField(
        allow_null=True, help_text="Why the source is not the configured one."
    )
    unavailable = _reasons("Why a figure is null, other than for want of requests.")
    timestamp = _number("Unix seconds.")


class PointSerializer(serializers.Serializer[Any]):
    time = _number("Unix seconds, at its end.")
    seconds = _number("How much time it stands for.")
    requests_per_second = serializers.FloatField(allow_null=True)
    status_classes = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Requests by class (`2xx`); classes without one are left out.",
    )
    error_rate = _of_requests("Percent with a status of 400 and above")
    server_error_rate = _of_requests("Percent with a status of 500 and above")
    median_response_time = _response_time("Median")
    p95_response_time = _response_time("95th percentile")
    p99_response_time = _response_time("99th percentile")


class LatencyBucketSerializer(serializers.Serializer[Any]):
    from_ms = _number("Exclusive.")
    to_ms = _number("Inclusive; null: no upper bound.", allow_null=True)
    count = serializers.IntegerField()


class SeriesSerializer(serializers.Serializer[Any]):
    points = PointSerializer(many=True, help_text=f"At most {MOST_POINTS}, oldest first.")
    step_seconds = _number("The distance that points are meant to have.")
    histogram = LatencyBucketSerializer(
        many=True,
        help_text=f"Of the whole window; at most {MOST_BARS}, from the first with a request.",
    )
    window = WindowSerializer()
    source = Choice(  # type: ignore[assignment]
        choices=[LOCAL, PROMETHEUS]
    )
    fallback_reason = serializers.CharField(
        allow_null=True, help_text="Why the source is not the configured one."
    )
    unavailable = _reasons(
        "Why a figure of some points is null, other than for want of requests; `points`: why there"
        " are none."
    )
    timestamp = _number("Unix seconds.")


class _QuerySerializer(serializers.Serializer[Any]):
    """Which request asked for a query, and where."""

    method = serializers.CharField(allow_null=True)
    trace_id = serializers.CharField(allow_null=True, help_text="Of a sampled trace.")
    caller = serializers.CharField(
        allow_null=True, help_text="file:line:function of the project's own code; null if unknown."
    )


class SlowQuerySerializer(_QuerySerializer):
    timestamp = _number("Unix seconds, at its end.")
    fingerprint = serializers.CharField()
    sql = serializers.CharField(help_text="Without literals, parameters and comments.")
    duration_ms = serializers.FloatField()
    alias = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True)


class RepeatedQuerySerializer(_QuerySerializer):
    timestamp = _number("Unix seconds, at the end of the request.")
    fingerprint = serializers.CharField()
    sql = serializers.CharField()
    count = serializers.IntegerField(help_text="How often the request ran it.")
    alias = serializers.CharField()


class PoolSerializer(serializers.Serializer[Any]):
    in_use = serializers.IntegerField()
    idle = serializers.IntegerField()
    max = serializers.IntegerField()
    requests = serializers.IntegerField()
    requests_queued = serializers.IntegerField()
    requests_waiting = serializers.IntegerField()
    request_errors = serializers.IntegerField()
    wait_ms = serializers.FloatField()


class ConnectionsSerializer(serializers.Serializer[Any]):
    vendor = serializers.CharField()
    in_use = serializers.IntegerField(allow_null=True, help_text="The server's, to this database.")
    idle = serializers.IntegerField(allow_null=True)
    max = serializers.IntegerField(allow_null=True, help_text="The server's limit.")
    states = serializers.DictField(
        child=serializers.IntegerField(), help_text="By the server's names."
    )
    pages = serializers.DictField(
        child=serializers.IntegerField(), allow_null=True, help_text="SQLite's."
    )
    pool = PoolSerializer(allow_null=True, help_text="psycopg's pools of all processes.")


class TableSerializer(serializers.Serializer[Any]):
    alias = serializers.CharField()
    name = serializers.CharField()
    total_bytes = serializers.IntegerField(allow_null=True)
    table_bytes = serializers.IntegerField(allow_null=True)
    index_bytes = serializers.IntegerField(allow_null=True)
    row_estimate = serializers.IntegerField(allow_null=True)


class DatabaseSerializer(serializers.Serializer[Any]):
    query_count = serializers.IntegerField(help_text="Calls of execute and executemany.")
    statement_count = serializers.IntegerField(help_text="With each item of an executemany.")
    error_count = serializers.IntegerField()
    total_execution_time = _milliseconds("Time of all queries")
    avg_execution_time = _milliseconds("Mean", allow_null=True)
    p95_execution_time = _milliseconds("95th percentile", allow_null=True)
    queries_per_request = serializers.FloatField(allow_null=True)
    slow_queries_count = serializers.IntegerField()
    slow_queries = SlowQuerySerializer(many=True, help_text=_NEWEST_FIRST.format(MOST_RECENT))
    repeated_queries_count = serializers.IntegerField()
    repeated_queries = RepeatedQuerySerializer(
        many=True, help_text=_NEWEST_FIRST.format(MOST_RECENT)
    )
    connections = serializers.DictField(child=ConnectionsSerializer(), help_text="By alias.")
    tables = TableSerializer(many=True, help_text=f"The {MAX_TABLES} largest of each alias.")
    unavailable = _reasons("Why a figure is null, other than for want of queries.")
    window = WindowSerializer()
    source = Choice(choices=[LOCAL])  # type: ignore[assignment]
    timestamp = _number("Unix seconds.")


class CacheAliasSerializer(serializers.Serializer[Any]):
    hits = serializers.IntegerField()
    misses = serializers.IntegerField()
    hit_rate = _number("Percent.", allow_null=True)
    sets = serializers.IntegerField()
    deletes = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]


class RedisSerializer(serializers.Serializer[Any]):
    used_memory_bytes = serializers.IntegerField()
    used_memory_peak_bytes = serializers.IntegerField()
    connected_clients = serializers.IntegerField()
    total_commands_processed = serializers.IntegerField()
    evicted_keys = serializers.IntegerField()
    expired_keys = serializers.IntegerField()
    uptime_seconds = serializers.IntegerField()
    version = serializers.CharField()


class CacheSerializer(serializers.Serializer[Any]):
    hits = serializers.IntegerField()
    misses = serializers.IntegerField()
    hit_rate = _number("Percent; null without a get.", allow_null=True)
    per_alias = serializers.DictField(child=CacheAliasSerializer())
    redis = RedisSerializer(allow_null=True, help_text="The first of redis_servers.")
    redis_servers = serializers.DictField(
        child=RedisSerializer(allow_null=True), help_text="By cache alias, or REDIS_URL."
    )
    unavailable = _reasons(
        "Why a server's figures are null, by its name in redis_servers; `redis`: there is none."
    )
    window = WindowSerializer()
    source = Choice(choices=[LOCAL])  # type: ignore[assignment]
    timestamp = _number("Unix seconds.")
