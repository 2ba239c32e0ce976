"""The functions that the setting ADMINS names for `PlainUser`."""

from typing import Any

from django.contrib.auth import get_user_model


def users() -> list[Any]:
    """Anna twice: a query that joins groups gives a user once for each."""
    model: Any = get_user_model()  # not the one that the type checker knows
    staff = list(model._default_manager.filter(role="staff", has_left=False))
    return [*staff, *staff]


def is_admin(user: Any) -> bool:
    return bool(user.role == "staff" and not user.has_left)


def breaks(user: Any) -> bool:
    raise OSError("the directory of staff does not answer")


async def later(user: Any) -> bool:
    return False
