"""Calls a function as soon as something in the process imports a module; imports none itself."""

import sys
from _thread import get_ident
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Call = Callable[[], None]


def after_import(name: str, call: Call) -> None:
    """Call now if the module is imported, else just after it is. Idempotent.

    `call` must not raise: it would break the import.
    """
    if name in sys.modules:
        call()
        return
    calls = _finder.waiting.setdefault(name, [])
    if call not in calls:
        calls.append(call)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


class _Finder(MetaPathFinder):
    """Finds the modules by the finders after it, until they have been loaded.

    Not only once: who merely asks whether a package is installed looks for it, too.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, list[Call]] = {}
        self._searches: set[tuple[int, str]] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        search = get_ident(), fullname
        if fullname not in self.waiting or search in self._searches:
            return None  # the latter, when another finder of this kind asks us in turn
        self._searches.add(search)
        try:
            others = [
                getattr(each, "find_spec", None) for each in sys.meta_path if each is not self
            ]
            found = (find(fullname, path, target) for find in others if find is not None)
            spec = next(filter(None, found), None)
        finally:
            self._searches.discard(search)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, fullname)
        return spec

    def loaded(self, name: str) -> None:
        # It stays in sys.meta_path: another thread may be going through that list.
        for call in self.waiting.pop(name, []):
            call()


_finder = _Finder()


class _Loader(Loader):
    """Loads a module as its own loader does, then makes the calls that wait for it."""

    def __init__(self, loader: Loader, name: str) -> None:
        self._loader = loader
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # What reads a package's files asks its specification for the loader.
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _finder.loaded(self._name)

    def __getattr__(self, name: str) -> Any:
        """Who looks for a module without importing it may ask the loader for its source, say."""
        if name.startswith("__") or name == "_loader":  # of a copy that is being made
            raise AttributeError(name)
        return getattr(self._loader, name)
