"""Installs the value class as soon as something in the process imports prometheus-client.

gunicorn's master must not import it (see process_lock), and a project's metrics may be built before
Django is set up: in wsgi.py, say.
"""

import sys

from monitoring import storage
from monitoring.primitives.after_import import after_import

_VALUES = "monitoring.storage.values"


def install_with_prometheus_client() -> None:
    """Install now if prometheus-client is imported, else when it is. Idempotent."""
    after_import("prometheus_client", _install)


def _install() -> None:
    if _VALUES not in sys.modules:  # else it is the importer, on behalf of `install`
        storage.install()
