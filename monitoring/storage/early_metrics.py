"""Installs the value class as soon as something in the process imports prometheus-client.

gunicorn's master must not import it (see process_lock), and a project's metrics may be built before
Django is set up: in wsgi.py, say.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from monitoring import storage

_PACKAGE = "prometheus_client"
_VALUES = "monitoring.storage.values"


def install_with_prometheus_client() -> None:
    """Install now if prometheus-client is imported, else when it is. Idempotent."""
    if _PACKAGE in sys.modules:
        storage.install()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds prometheus-client by the finders after it, until the package has been loaded.

    Not only once: who merely asks whether the package is installed looks for it, too.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _PACKAGE:
            return None
        others = (finder for finder in [*sys.meta_path] if not isinstance(finder, _Finder))
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(Loader):
    """Loads the package as its own loader does, then installs the value class."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # What reads a package's files asks its specification for the loader.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Finder)]
        if _VALUES not in sys.modules:  # else it is the importer, on behalf of `install`
            storage.install()
