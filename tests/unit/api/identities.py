"""Everybody who may call an endpoint, with what they send, and how they are answered."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"]


def bearer(user: User, **claims: Any) -> dict[str, str]:
    token = AccessToken.for_user(user)
    for name, value in claims.items():
        token[name] = value
    return {"Authorization": f"Bearer {token}"}


def client_for(identity: str, admin: User, visitor: User) -> tuple[Client, dict[str, str]]:
    client = Client(enforce_csrf_checks=True)
    headers: dict[str, str] = {}
    match identity:
        case "admin by token":
            headers = bearer(admin)
        case "admin by session":
            client.force_login(admin)
        case "visitor by token":
            headers = bearer(visitor)
        case "visitor by session":
            client.force_login(visitor)
        case "inactive admin by token" | "inactive admin by session":
            if identity.endswith("session"):
                client.force_login(admin)
            headers = {} if identity.endswith("session") else bearer(admin)
            admin.is_active = False
            admin.save()
        case "expired token":
            token = AccessToken.for_user(admin)
            token.set_exp(lifetime=-timedelta(seconds=1))
            headers = {"Authorization": f"Bearer {token}"}
        case "forged token":
            head, _, signature = str(AccessToken.for_user(visitor)).split(".")
            payload = str(AccessToken.for_user(admin)).split(".")[1]
            headers = {"Authorization": f"Bearer {head}.{payload}.{signature}"}
        case "garbage":
            headers = {"Authorization": "Bearer \x00é"}
        case "somebody else's session":
            client.cookies["sessionid"] = "x" * 32
    return client, headers


IDENTITIES = {
    "anonymous": 401,
    "admin by token": 200,
    "admin by session": 200,
    "visitor by token": 403,
    "visitor by session": 403,
    "inactive admin by token": 401,
    "inactive admin by session": 401,
    "expired token": 401,
    "forged token": 401,
    "garbage": 401,
    "somebody else's session": 401,
}
