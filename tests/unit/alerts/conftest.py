"""The alert tests use the database and admins of their own."""

import pytest
from django.contrib.auth.models import User


@pytest.fixture
def admins(db: None) -> list[User]:
    """Two active admins; beside them staff that has left, and a customer."""
    User.objects.create_user("left", "left@example.org", is_staff=True, is_active=False)
    User.objects.create_user("customer", "customer@example.org")
    return [
        User.objects.create_user("anna", "anna@example.org", is_staff=True),
        User.objects.create_user("ben", "ben@example.org", is_staff=True),
    ]
