"""The exposed names of django-prometheus's families: its setting's namespace before each."""

from django_prometheus.conf import NAMESPACE


def foreign(name: str) -> str:
    """A name of django-prometheus, or the beginning of one, as this project exposes it."""
    return f"{NAMESPACE}_{name}" if NAMESPACE else name
