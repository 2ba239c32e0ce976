"""Generates the reference pages of docs/."""

import os

import django


def reference_files() -> dict[str, str]:
    """The text of each page by its file name in docs/."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    # Imported after setup(): they build metrics, for which the app must install its value class.
    from docs.source.metrics import metrics_reference  # noqa: PLC0415
    from docs.source.settings import settings_reference  # noqa: PLC0415

    return {"metrics.md": metrics_reference(), "settings.md": settings_reference()}
