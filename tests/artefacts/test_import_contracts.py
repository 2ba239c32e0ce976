"""An import that breaks the map of the house fails `make lint`, which names the contract."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

LINTER = Path(sys.executable).with_name("lint-imports")
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
# By contract: modules that a copy gets, of which each set breaks it.
BREACHES: list[tuple[str, dict[str, str]]] = [
    ("floors", {"storage/odd.py": "import monitoring.metrics"}),
    ("floors", {"figures/odd.py": "from monitoring.alerts import thresholds"}),
    ("floors", {"page/odd.py": "def later():\n    import monitoring.api.base"}),
    ("floors", {"a_room_that_no_floor_has.py": ""}),
    ("border", {"instruments/odd.py": "import monitoring.merging.merge"}),
    ("border", {"metrics/odd.py": "import monitoring.figures"}),
    ("border", {"primitives/odd.py": "import monitoring.health"}),
    ("files", {"api/odd.py": "from monitoring.merging.reader import *"}),
    (
        "files",
        {"api/odd.py": "def later():\n    from monitoring.merging.merge import shared_merger"},
    ),
    ("files", {"alerts/odd.py": "import monitoring.storage.slot_file"}),
    ("files", {"page/odd.py": "import monitoring.storage.process_files"}),
    (
        "circles",
        {
            "health/one.py": "import monitoring.health.two",
            "health/two.py": "import monitoring.health.one",
        },
    ),
    ("circles", {"exposition/odd.py": "import monitoring.figures.window"}),
]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the app and of what lints it."""
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "monitoring", tmp_path / "monitoring", ignore=hidden)
    for name in ("pyproject.toml", "constraints.txt", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def add(house: Path, modules: dict[str, str]) -> None:
    for path, text in modules.items():
        (house / "monitoring" / path).write_text(f'"""Breaks the map."""\n\n{text}\n')


def run(house: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=house,
        env={"PATH": os.environ["PATH"], "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def lint_imports(house: Path) -> tuple[int, str]:
    return run(house, str(LINTER), "--no-cache")


def make_lint(house: Path) -> tuple[int, str]:
    """`make lint` where everything is installed, and where ruff and mypy have nothing to say."""
    programs = house / "bin"
    programs.mkdir()
    for name in ("ruff", "mypy"):
        (programs / name).symlink_to("/bin/true")
    (programs / LINTER.name).symlink_to(LINTER)
    (house / ".venv").mkdir()
    (house / ".venv/.installed").touch()
    return run(house, "make", "lint", "VENV=.venv", f"BIN={programs}")


def test_the_house_as_it_is_keeps_every_contract(house: Path) -> None:
    status, output = lint_imports(house)
    assert status == 0, output
    for name in CONTRACTS.values():
        assert f"{name} KEPT" in output


@pytest.mark.parametrize(("contract", "modules"), BREACHES)
def test_an_import_that_breaks_a_contract_is_named_with_it(
    contract: str, modules: dict[str, str], house: Path
) -> None:
    add(house, modules)
    status, output = lint_imports(house)
    assert status == 1
    assert f"{CONTRACTS[contract]} BROKEN" in output
    for path in modules:
        assert Path(path).stem in output


def test_every_contract_is_broken_here() -> None:
    assert {contract for contract, _ in BREACHES} == set(CONTRACTS)


def test_make_lint_fails_on_such_an_import(house: Path) -> None:
    add(house, dict(BREACHES[0][1]))
    status, output = make_lint(house)
    assert status != 0
    assert f"{CONTRACTS['floors']} BROKEN" in output


def test_make_lint_passes_on_the_house_as_it_is(house: Path) -> None:
    status, output = make_lint(house)
    assert status == 0, output


def imported_names(source: str) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def test_no_test_module_is_imported_by_another() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for name in imported_names(path.read_text())
        if name.startswith("tests.") and ".test_" in name
    ]
    assert found == []
