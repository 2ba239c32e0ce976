"""User models as other projects have them; AUTH_USER_MODEL names one of them."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class _Base(AbstractBaseUser):
    email = models.EmailField(unique=True)
    objects = BaseUserManager["_Base"]()

    USERNAME_FIELD = "email"

    class Meta:
        abstract = True


class PropertyUser(_Base):
    """`is_active` is a column and `is_staff` a property, as in Django's full example."""

    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False)

    @property
    def is_staff(self) -> bool:
        return self.is_admin


class PropertiesUser(_Base):
    """Both are properties."""

    role = models.CharField(max_length=10)
    has_left = models.BooleanField(default=False)

    @property
    def is_staff(self) -> bool:
        return self.role == "staff"

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return not self.has_left


class MethodUser(_Base):
    """`is_staff` is a method, which is true of everybody as an attribute."""

    def is_staff(self) -> bool:
        return False


class PlainUser(_Base):
    """Has no `is_staff`."""

    role = models.CharField(max_length=10)
    has_left = models.BooleanField(default=False)
