"""Django system checks, by which `manage.py check` reports misconfigurations."""

from monitoring.checks import configuration, project  # noqa: F401  (they register the checks)
