"""The JSON shapes of databases and caches, for the OpenAPI schema."""

from typing import Any

from rest_framework import serializers

from monitoring.api.serializers import WindowSerializer

_Integer = serializers.IntegerField
_Text = serializers.CharField


def _milliseconds(help_text: str, **more: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=f"{help_text}, in milliseconds.", **more)


class SlowQuerySerializer(serializers.Serializer[Any]):
    timestamp = serializers.FloatField(help_text="Unix seconds, at its end.")
    fingerprint = _Text()
    sql = _Text(help_text="Without literals, parameters and comments.")
    duration_ms = serializers.FloatField()
    alias = _Text()
    route = _Text(allow_null=True)
    request_id = _Text(allow_null=True)
    rows = _Integer(allow_null=True)


class RepeatedQuerySerializer(serializers.Serializer[Any]):
    timestamp = serializers.FloatField(help_text="Unix seconds, at the end of the request.")
    fingerprint = _Text()
    sql = _Text()
    count = _Integer(help_text="How often the request ran it.")
    alias = _Text()
    route = _Text(allow_null=True)
    request_id = _Text(allow_null=True)


class PoolSerializer(serializers.Serializer[Any]):
    in_use = _Integer()
    idle = _Integer()
    max = _Integer()
    requests = _Integer()
    requests_queued = _Integer()
    requests_waiting = _Integer()
    request_errors = _Integer()
    wait_ms = serializers.FloatField()


class ConnectionsSerializer(serializers.Serializer[Any]):
    vendor = _Text()
    in_use = _Integer(allow_null=True, help_text="The server's, to this database.")
    idle = _Integer(allow_null=True)
    max = _Integer(allow_null=True, help_text="The server's limit.")
    states = serializers.DictField(child=_Integer(), help_text="By the server's names.")
    pages = serializers.DictField(child=_Integer(), allow_null=True, help_text="SQLite's.")
    pool = PoolSerializer(allow_null=True, help_text="psycopg's pools of all processes.")


class TableSerializer(serializers.Serializer[Any]):
    alias = _Text()
    name = _Text()
    total_bytes = _Integer(allow_null=True)
    table_bytes = _Integer(allow_null=True)
    index_bytes = _Integer(allow_null=True)
    row_estimate = _Integer(allow_null=True)


class DatabaseSerializer(serializers.Serializer[Any]):
    query_count = _Integer(help_text="Calls of execute and executemany.")
    statement_count = _Integer(help_text="With each item of an executemany.")
    error_count = _Integer()
    total_execution_time = _milliseconds("Time of all queries")
    avg_execution_time = _milliseconds("Mean", allow_null=True)
    p95_execution_time = _milliseconds("95th percentile", allow_null=True)
    queries_per_request = serializers.FloatField(allow_null=True)
    slow_queries_count = _Integer()
    slow_queries = SlowQuerySerializer(many=True, help_text="The last 10, newest first.")
    repeated_queries_count = _Integer()
    repeated_queries = RepeatedQuerySerializer(many=True, help_text="The last 10, newest first.")
    connections = serializers.DictField(child=ConnectionsSerializer(), help_text="By alias.")
    tables = TableSerializer(many=True, help_text="The 20 largest of each alias.")
    window = WindowSerializer()
    source = serializers.ChoiceField(choices=["local"])  # type: ignore[assignment]
    timestamp = serializers.FloatField(help_text="Unix seconds.")


class CacheAliasSerializer(serializers.Serializer[Any]):
    hits = _Integer()
    misses = _Integer()
    hit_rate = serializers.FloatField(allow_null=True, help_text="Percent.")
    sets = _Integer()
    deletes = _Integer()
    errors = _Integer()  # type: ignore[assignment]


class RedisSerializer(serializers.Serializer[Any]):
    used_memory_bytes = _Integer()
    used_memory_peak_bytes = _Integer()
    connected_clients = _Integer()
    total_commands_processed = _Integer()
    evicted_keys = _Integer()
    expired_keys = _Integer()
    uptime_seconds = _Integer()
    version = _Text()


class CacheSerializer(serializers.Serializer[Any]):
    hits = _Integer()
    misses = _Integer()
    hit_rate = serializers.FloatField(allow_null=True, help_text="Percent; null without a get.")
    per_alias = serializers.DictField(child=CacheAliasSerializer())
    redis = RedisSerializer(allow_null=True, help_text="The first of redis_servers.")
    redis_servers = serializers.DictField(
        child=RedisSerializer(allow_null=True), help_text="By cache alias, or REDIS_URL."
    )
    unavailable = serializers.DictField(
        child=_Text(), help_text="Why a server's figures are null, by its name in redis_servers."
    )
    window = WindowSerializer()
    source = serializers.ChoiceField(choices=["local"])  # type: ignore[assignment]
    timestamp = serializers.FloatField(help_text="Unix seconds.")
