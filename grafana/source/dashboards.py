"""All dashboards, by file name."""

from grafana.source.celery import celery
from grafana.source.data import database_and_cache
from grafana.source.frame import to_json
from grafana.source.overview import overview
from grafana.source.requests import requests_by_route
from grafana.source.workers import workers_and_exporter
from prometheus.source.options import RuleOptions


def dashboard_files(options: RuleOptions) -> dict[str, str]:
    """The text of each dashboard by its file name."""
    return {
        "overview.json": to_json(overview(options)),
        "requests.json": to_json(requests_by_route(options)),
        "workers.json": to_json(workers_and_exporter(options)),
        "database-cache.json": to_json(database_and_cache(options)),
        "celery.json": to_json(celery(options)),
    }
