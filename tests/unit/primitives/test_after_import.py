"""A function that waits for a module is called once, when something else imports that module."""

import copy
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.primitives import after_import as room
from monitoring.primitives.after_import import after_import

NAMES = ("awaited_module", "awaited_package", "awaited_package.inner", "awaited_broken")


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "awaited_module.py").write_text("VALUE = 1\n")
    (tmp_path / "awaited_package").mkdir()
    (tmp_path / "awaited_package" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "awaited_package" / "inner.py").write_text("")
    (tmp_path / "awaited_broken.py").write_text("raise ImportError('once')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path, finders = sys.meta_path, [*sys.meta_path]
    yield
    for name in NAMES:
        sys.modules.pop(name, None)
    # Another thread may be going through the list: it is not replaced, and what was in it stays.
    assert sys.meta_path is path
    assert [finder for finder in sys.meta_path if finder not in finders] in ([], [room._finder])
    assert [finder for finder in finders if finder not in sys.meta_path] == []


def test_it_is_called_after_the_import_and_once() -> None:
    called: list[int] = []

    def call() -> None:
        called.append(sys.modules["awaited_module"].VALUE)

    after_import("awaited_module", call)
    after_import("awaited_module", call)
    assert importlib.util.find_spec("awaited_module") is not None  # asks, and imports nothing
    assert called == []
    module = importlib.import_module("awaited_module")
    importlib.reload(module)
    assert called == [1]
    after_import("awaited_module", call)  # it is imported already
    assert called == [1, 1]


def test_a_package_is_complete_when_it_is_called() -> None:
    called: list[bool] = []
    after_import(
        "awaited_package", lambda: called.append(hasattr(sys.modules["awaited_package"], "inner"))
    )
    importlib.import_module("awaited_package.inner")
    assert called == [True]


def test_an_import_that_fails_is_waited_for_again(tmp_path: Path) -> None:
    called: list[str] = []
    after_import("awaited_broken", lambda: called.append("imported"))
    with pytest.raises(ImportError, match="once"):
        importlib.import_module("awaited_broken")
    assert called == []
    (tmp_path / "awaited_broken.py").write_text("FINE = True\n")
    importlib.invalidate_caches()
    importlib.import_module("awaited_broken")
    assert called == ["imported"]


def test_who_looks_at_a_module_without_importing_it_gets_its_source() -> None:
    after_import("awaited_module", lambda: None)
    spec = importlib.util.find_spec("awaited_module")
    assert spec is not None
    assert spec.loader is not None
    assert spec.loader.get_source("awaited_module") == "VALUE = 1\n"  # type: ignore[attr-defined]
    importlib.import_module("awaited_module")


def test_what_asks_a_finder_of_the_same_kind_in_turn_finds_the_module() -> None:
    """Other packages have such a hook: each asks all finders after or before it."""

    class Other:
        asking = False

        def find_spec(self, name: str, path: object = None, target: object = None) -> object:
            if name != "awaited_module" or self.asking:
                return None
            self.asking = True
            try:
                return importlib.util.find_spec(name)
            finally:
                self.asking = False

    called: list[int] = []
    after_import("awaited_module", lambda: called.append(1))
    other = Other()
    sys.meta_path.insert(0, other)  # type: ignore[arg-type]
    try:
        assert importlib.import_module("awaited_module").VALUE == 1
    finally:
        sys.meta_path.remove(other)  # type: ignore[arg-type]
    assert called == [1]


def test_the_loader_can_be_copied() -> None:
    after_import("awaited_module", lambda: None)
    spec = importlib.util.find_spec("awaited_module")
    assert spec is not None
    assert spec.loader is not None
    assert copy.copy(spec.loader).is_package("awaited_module") is False  # type: ignore[attr-defined]
