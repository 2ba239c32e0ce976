"""Another package `monitoring` is an error where Python would take it in place of ours."""

import sys
from pathlib import Path

import pytest

from monitoring import gunicorn_hooks as hooks
from multiprocess_exporter import HiddenPackageError, gunicorn_hooks, require_own_package
from tests.paths import ROOT


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    (tmp_path / "monitoring").mkdir()
    return tmp_path / "monitoring"


def test_one_that_comes_first_is_named(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (theirs / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(theirs.parent), str(ROOT)])
    with pytest.raises(HiddenPackageError, match=str(theirs)):
        require_own_package()


def test_one_in_the_current_directory_is_named(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theirs / "__init__.py").touch()
    monkeypatch.chdir(theirs.parent)
    monkeypatch.setattr(sys, "path", ["", str(ROOT)])
    with pytest.raises(HiddenPackageError):
        require_own_package()


def test_one_that_comes_later_or_is_a_mere_folder_hides_nothing(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(theirs.parent), str(ROOT)])
    require_own_package()
    (theirs / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(ROOT), str(theirs.parent)])
    require_own_package()


def test_every_hook_is_there_by_the_name_that_looks_first() -> None:
    assert set(gunicorn_hooks.__all__) == set(hooks.__all__)
    assert all(getattr(gunicorn_hooks, name) is getattr(hooks, name) for name in hooks.__all__)
