"""OpenTelemetry's Django instrumentation, metrics only, into its Prometheus exporter.

It has no multiprocess mode: a scrape shows the worker that happens to answer it.
"""


def instrument() -> None:
    """Call it after the settings are configured and before the handler is made."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider

    provider = MeterProvider(metric_readers=[PrometheusMetricReader()])
    DjangoInstrumentor().instrument(meter_provider=provider)
