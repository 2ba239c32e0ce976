"""prometheus-client used directly in a middleware, as countless articles show it."""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

requests_total = Counter("naive_requests_total", "Requests.", ["method", "route", "status"])
duration = Histogram("naive_request_duration_seconds", "Duration.", ["method", "route"])


class NaiveMiddleware:
    """Sync only: in an async stack Django runs it in a thread."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self._get_response(request)
        route = request.resolver_match.route if request.resolver_match else "unmatched"
        method = request.method or ""
        requests_total.labels(method, route, str(response.status_code)).inc()
        duration.labels(method, route).observe(time.perf_counter() - started)
        return response
