"""The reference project with django-prometheus beside this app, as docs/migration.md has it."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS as _INSTALLED_APPS
from project.settings import MIDDLEWARE as _MIDDLEWARE
from project.settings import MONITORING as _MONITORING

INSTALLED_APPS = [*_INSTALLED_APPS, "django_prometheus"]
MIDDLEWARE = [
    _MIDDLEWARE[0],
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    *_MIDDLEWARE[1:],
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
MONITORING = {**_MONITORING, "MIGRATIONS_EVERY_SECONDS": 1}
