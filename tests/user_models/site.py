"""Runs `SCRIPT` of a test on a host with the user model of the first argument.

The second argument is the JSON of the host's MONITORING. The script has `make(**columns)`, which
returns a stored user, and `client(user)`, which is logged in.
"""

import json
import sys
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.test import Client

TOKEN = "a-token-of-the-webhook"


def configure(user_model: str, monitoring: dict[str, Any], *more_apps: str) -> None:
    has_users = bool(user_model)
    settings.configure(
        SECRET_KEY="for-tests-only",
        ALLOWED_HOSTS=["testserver"],
        ROOT_URLCONF="tests.user_models.urls",
        USE_TZ=True,
        INSTALLED_APPS=[
            "monitoring",
            *(["django.contrib.auth", "django.contrib.sessions"] if has_users else []),
            *(["django.contrib.contenttypes", "tests.user_models"] if has_users else []),
            *more_apps,
        ],
        MIDDLEWARE=[
            "monitoring.middleware.PerformanceMonitoringMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ][: 3 if has_users else 1],
        AUTH_USER_MODEL=f"user_models.{user_model}" if has_users else "auth.User",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # In a file that all connections share: the gate asks on one of its own.
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}},
        MONITORING={"WEBHOOK_TOKEN": TOKEN, "SLOW_QUERY_LOG": "", **monitoring},
    )
    django.setup()


def make(**columns: Any) -> Any:
    from django.contrib.auth import get_user_model  # noqa: PLC0415  (once the apps are set up)

    user: Any = get_user_model()(**columns)
    user.set_password(None)
    user.save()
    return user


def client(user: Any = None) -> Client:
    made = Client(raise_request_exception=False)
    if user is not None:
        made.force_login(user)
    return made


def tell(status: str = "firing", start: str = "2026-01-01T00:00:00Z") -> Any:
    """The answer of the webhook to one alert."""
    alert = {"status": status, "fingerprint": "f", "startsAt": start, "labels": {}}
    return client().post(
        "/api/alerts/webhook/",
        json.dumps({"version": "4", "alerts": [alert]}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def check_ids() -> list[str]:
    from django.core.checks import run_checks  # noqa: PLC0415

    return sorted({message.id or "" for message in run_checks()})


def main(user_model: str, monitoring: str, script: str) -> None:
    configure(user_model, json.loads(monitoring))
    if user_model:
        call_command("migrate", run_syncdb=True, verbosity=0)
    exec(script, {"make": make, "client": client, "tell": tell, "check_ids": check_ids})


if __name__ == "__main__":
    main(*sys.argv[1:])
