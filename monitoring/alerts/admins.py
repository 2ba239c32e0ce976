"""Who is an admin: whom alerts are sent to, and who may use the endpoints.

ADMINS decides if it is set. Otherwise an admin is a user whose `is_staff` and `is_active` are true,
be they columns, properties or attributes.
"""

from collections.abc import Iterable
from inspect import isawaitable, iscoroutine
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models
from django.utils.module_loading import import_string

from monitoring.conf import get_settings
from monitoring.primitives.log_limit import LogLimit
from monitoring.primitives.own_logger import OwnLogger

_FLAGS = ("is_staff", "is_active")
_CHUNK = 1000

_limit = LogLimit()

logger = OwnLogger("monitoring.alerts")


def user_model() -> Any:
    """AUTH_USER_MODEL's class; None if it is not installed, as without django.contrib.auth."""
    try:
        return get_user_model()
    except ImproperlyConfigured:
        return None


def all_admins() -> list[Any]:
    """Every admin once. Reads all users if `is_staff` or `is_active` is not a column.

    Raises what the function of ADMINS raises: the caller tries again later, so that no alert is
    lost.
    """
    model = user_model()
    if model is None:
        return []
    named = dict(get_settings().ADMINS)
    found: Iterable[Any] = import_string(named["users"])() if named else _by_flags(model)
    return list({user.pk: user for user in found if account(user) is not None}.values())


def is_admin(user: Any) -> bool:
    """Whether the user of a request is an admin. Never raises: on an error, nobody is one."""
    try:
        return _is_yes(getattr(user, "is_authenticated", False)) and _is_admin(user)
    except Exception:
        if _limit.passes("is_admin"):
            logger.exception(
                "is_admin of ADMINS, is_staff or is_active of the user model failed; "
                "nobody is let in"
            )
        return False


def _is_admin(user: Any) -> bool:
    named = dict(get_settings().ADMINS)
    if not named:
        return _has_flags(user, _FLAGS)
    answer = import_string(named["is_admin"])(user)
    if isawaitable(answer):  # true, whatever it would say
        if iscoroutine(answer):
            answer.close()
        raise TypeError(f"{named['is_admin']} is an async function")
    return bool(answer)


def has_credentials(request: Any) -> bool:
    """Whether the request (Django's or DRF's) could be an admin's: the answer needs no database."""
    cookie = getattr(settings, "SESSION_COOKIE_NAME", "sessionid")
    return "Authorization" in request.headers or cookie in request.COOKIES


def account(user: Any) -> Any:
    """The user if it is a row of AUTH_USER_MODEL, else None: a token's user may have no row."""
    model = user_model()
    return user if model and isinstance(user, model) and user.pk is not None else None


def address(user: Any) -> str:
    """The user's mail address; empty if there is none."""
    field = user.get_email_field_name() if hasattr(user, "get_email_field_name") else "email"
    return getattr(user, field, "") or ""


def missing_flags(model: type[models.Model]) -> list[str]:
    """Which of `is_staff` and `is_active` the model lacks, or has as a method."""
    return [name for name in _FLAGS if not hasattr(model, name) or callable(getattr(model, name))]


def _by_flags(model: Any) -> Iterable[Any]:
    columns = [name for name in _FLAGS if _is_column(model, name)]
    found = model._default_manager.filter(**dict.fromkeys(columns, True))
    others = [name for name in _FLAGS if name not in columns]
    if not others:
        return found  # type: ignore[no-any-return]
    if missing_flags(model):
        return ()
    return (user for user in found.iterator(chunk_size=_CHUNK) if _has_flags(user, others))


def _is_column(model: type[models.Model], name: str) -> bool:
    try:
        return isinstance(model._meta.get_field(name), models.BooleanField)
    except FieldDoesNotExist:
        return False


def _has_flags(user: Any, names: Iterable[str]) -> bool:
    return all(_is_yes(getattr(user, name, False)) for name in names)


def _is_yes(value: Any) -> bool:
    """A method is true as an attribute, whatever it would return."""
    return bool(value) and not callable(value)
