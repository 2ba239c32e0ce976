"""What the admin lists the page under."""

from django.apps.registry import Apps
from django.db import models


class Status(models.Model):
    """An entry without a table, so that the admin has `monitoring/status/` and links to it.

    It is in a registry of its own (as Django's own MigrationRecorder is): no migration, no
    permission and no content type comes of it.
    """

    class Meta:
        apps = Apps()
        app_label = "monitoring"
        managed = False
        default_permissions = ()
        verbose_name = verbose_name_plural = "status"

    def __str__(self) -> str:
        return "status"
