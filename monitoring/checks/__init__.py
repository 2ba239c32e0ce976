"""Django system checks, by which `manage.py check` reports misconfigurations."""

from monitoring.checks import configuration, project

__all__ = ["configuration", "project"]
