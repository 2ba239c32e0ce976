"""The old way: each request's duration in a Redis list, counts in Redis keys."""

import os
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from redis import Redis

KEPT = 1000  # durations kept to calculate percentiles from


class RedisArrayMiddleware:
    """One round trip per request, with a pipeline; sync only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._redis = Redis.from_url(os.environ["BENCH_REDIS_URL"])

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self._get_response(request)
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.incr("requests")
        pipeline.incr(f"status:{response.status_code}")
        pipeline.lpush("durations", time.perf_counter() - started)
        pipeline.ltrim("durations", 0, KEPT - 1)
        pipeline.execute()
        return response
