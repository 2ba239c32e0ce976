"""The generated files of docs/, by name."""

import os

import django


def reference_files() -> dict[str, str]:
    """File names in docs/ and what has to be in them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    # They import metrics, whose value class the app's configuration installs first.
    from docs.source.metrics import metrics_reference  # noqa: PLC0415
    from docs.source.settings import settings_reference  # noqa: PLC0415

    return {"metrics.md": metrics_reference(), "settings.md": settings_reference()}
