"""The API tests have an admin and a visitor."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import override_settings


@pytest.fixture(autouse=True)
def quick_passwords() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def admin(db: None) -> User:
    return User.objects.create_user("admin", password="x", is_staff=True)


@pytest.fixture
def visitor(db: None) -> User:
    return User.objects.create_user("visitor", password="x")
