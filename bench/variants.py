"""The variants compared. Settings and the value class are global, so each has its own process."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from bench.peers import opentelemetry_metrics

BASELINE = "none"
CONTROL = "none-again"
OURS = "ours"
RIVAL = "django-prometheus"
RIVAL_ON_SLOTS = "django-prometheus-on-slots"
NAIVE = "naive"
REDIS_ARRAYS = "redis-arrays"
OPENTELEMETRY = "opentelemetry"


@dataclass(frozen=True, slots=True)
class Variant:
    """A middleware list; `rival_counter` counts a rival's requests, if one in files does."""

    name: str
    title: str
    app: str | None = None
    middleware: tuple[str, ...] = ()
    slots: bool = False
    rival_counter: str | None = None
    instrument: Callable[[], None] | None = None


_RIVAL_PAIR = (
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
)
_RIVAL_COUNTER = "django_http_requests_before_middlewares_total"

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(BASELINE, "no middleware"),
        Variant(CONTROL, "no middleware, again (the noise)"),
        Variant(
            OURS,
            "this middleware",
            "monitoring",
            ("monitoring.middleware.PerformanceMonitoringMiddleware",),
            slots=True,
        ),
        Variant(
            RIVAL,
            "django-prometheus",
            "django_prometheus",
            _RIVAL_PAIR,
            rival_counter=_RIVAL_COUNTER,
        ),
        Variant(
            RIVAL_ON_SLOTS,
            "django-prometheus on our value class",
            "django_prometheus",
            _RIVAL_PAIR,
            slots=True,
            rival_counter=_RIVAL_COUNTER,
        ),
        Variant(
            NAIVE,
            "prometheus-client in a middleware",
            middleware=("bench.peers.naive.NaiveMiddleware",),
            rival_counter="naive_requests_total",
        ),
        Variant(
            REDIS_ARRAYS,
            "Redis lists",
            middleware=("bench.peers.redis_arrays.RedisArrayMiddleware",),
        ),
        Variant(
            OPENTELEMETRY,
            "OpenTelemetry, metrics only",
            instrument=opentelemetry_metrics.instrument,
        ),
    )
}


def counter_of(variant: Variant) -> str | None:
    """The counter of the variant's requests; None if no file has one."""
    if variant.name == OURS:
        # Not at the top: it imports prometheus_client, which `start` does later.
        from monitoring.metrics.names import HTTP_REQUESTS

        return HTTP_REQUESTS
    return variant.rival_counter


def start(variant: Variant, directory: Path) -> None:
    """Set this process up as the variant, its multiprocess files in `directory`."""
    # prometheus_client reads it when imported, so this comes before all that imports it.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    if variant.slots:
        from monitoring import storage

        storage.install(role="bench", directory=directory)
    settings.configure(
        ALLOWED_HOSTS=["bench", "127.0.0.1"],
        DATABASES={},
        INSTALLED_APPS=[variant.app] if variant.app else [],
        LOGGING_CONFIG=None,  # each 404 and 500 would be a line of log, in every variant
        MIDDLEWARE=list(variant.middleware),
        ROOT_URLCONF="bench.site",
        SECRET_KEY="bench",
    )
    # django.db connects receivers to the request signals: a variant without this import would do
    # less per request than the others.
    import django.db

    django.setup()
    if variant.instrument:
        variant.instrument()
