"""The reference project with the views of sleeping_site, and its timers."""

from project.settings import *  # noqa: F403

ROOT_URLCONF = "tests.servers.sleeping_site"
MIDDLEWARE = [
    "tests.servers.sleeping_site.outside",
    "monitoring.middleware.PerformanceMonitoringMiddleware",
    "tests.servers.sleeping_site.inside",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
