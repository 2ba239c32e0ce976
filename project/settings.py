"""Settings of the reference project; what varies comes from the environment, all of it optional."""

import os
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

from project import environment, logs
from project.environment import VAR_DIR
from project.secret_key import secret_key

try:
    _given = environment.read()
except environment.EnvironmentVariableError as error:
    raise ImproperlyConfigured(error) from None
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_given.metrics_directory)

DEBUG = _given.debug
SECRET_KEY = secret_key(VAR_DIR)
ALLOWED_HOSTS = _given.allowed_hosts
DEMO_VIEWS = _given.demo_views
LOGGING = logs.LOGGING

INSTALLED_APPS = [
    "monitoring",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "monitoring.middleware.PerformanceMonitoringMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": _given.database}

REDIS_URL = _given.redis_url
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Tasks are sent with short timeouts: a broker that is down must not hold up a request.
CELERY_BROKER_URL = _given.broker_url
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 2}
CELERY_TASK_IGNORE_RESULT = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# Static files are served from where they are installed: collectstatic is not needed.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "monitoring.api.error_answers.handle_error",
}
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(hours=1), "UPDATE_LAST_LOGIN": True}

MONITORING: dict[str, object] = {
    "CELERY_APP": "project.celery.app",
    "IGNORE_ROUTES": ["multiprocess_exporter:*", "token"],
    "PROMETHEUS_URL": os.environ.get("PROMETHEUS_URL", "").strip(),
    "REDIS_URL": REDIS_URL,
    "SLOW_QUERY_LOG": "logs/slow_queries.log",
    "WEBHOOK_TOKEN": os.environ.get("WEBHOOK_TOKEN", "").strip(),
}
