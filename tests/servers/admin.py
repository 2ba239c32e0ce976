"""Users of a served site, and what they show to be let in."""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.gunicorn import Gunicorn
from tests.servers.scripts import run_script

PASSWORD = "for-tests-only-1"

_SCRIPT = """
import json, sys
import django
django.setup()
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from rest_framework_simplejwt.tokens import AccessToken
call_command("migrate", verbosity=0)
found = {}
for name, staff in (("admin", True), *((f"user{i}", False) for i in range(int(sys.argv[1])))):
    user = get_user_model()(username=name, is_staff=staff)
    user.set_password(sys.argv[2] if staff else None)
    user.save()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    found[name] = {"session": session.session_key, "token": str(AccessToken.for_user(user))}
print(json.dumps(found))
"""


@dataclass(frozen=True)
class User:
    """Credentials of a user, either of which is enough."""

    session: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"sessionid={self.session}"}


def make_users(work: Path, others: int = 0, **extra: str) -> dict[str, User]:
    """A database with `admin` and so many users without rights, `user0` and on.

    `extra` is of the script's environment, such as DATABASE_URL.
    """
    work.mkdir(parents=True, exist_ok=True)
    output = run_script(_SCRIPT, str(others), PASSWORD, work=work, **extra)
    return {name: User(**found) for name, found in json.loads(output).items()}


def ask(
    server: Gunicorn, user: User, path: str = "/api/metrics/", seconds: float = 20
) -> dict[str, Any]:
    """The JSON that an admin gets; the server may be silent for `seconds`."""
    connection = http.client.HTTPConnection(server.address, timeout=seconds)
    try:
        connection.request("GET", path, headers={**user.bearer, "Connection": "close"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    assert response.status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer
