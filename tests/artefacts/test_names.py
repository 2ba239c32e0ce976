"""Every family has a name in metrics/names.py, typed there and nowhere else."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.metrics import names
from monitoring.metrics.names import HistogramNames, family_of
from tests.paths import ROOT

TREES = (
    "monitoring",
    "prometheus/source",
    "grafana/source",
    "docs/source",
    "bench",
    "project",
)


@pytest.fixture(scope="module")
def named() -> dict[str, str]:
    """The families as they are exposed, by the constants that hold their names."""
    return {
        constant: value.family if isinstance(value, HistogramNames) else value
        for constant, value in vars(names).items()
        if constant.isupper()
    }


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and texts of a module's strings, of f-strings the fixed parts; without docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings
        ):
            yield node.lineno, node.value


def test_a_name_is_typed_once(named: dict[str, str]) -> None:
    families = sorted({family_of(name) for name in named.values()}, key=len, reverse=True)
    assert len(families) == len(named)
    # A colon belongs to the names of recorded series, which are families of their own.
    sought = re.compile(
        rf"(?<![\w:])({'|'.join(map(re.escape, families))})"
        r"(?:_total|_bucket|_sum|_count)?(?![\w:])"
    )
    places = defaultdict(list)
    for path in (path for tree in TREES for path in sorted((ROOT / tree).rglob("*.py"))):
        for line, text in literals(path):
            prose = re.compile(r"`[^`]*`")  # helps and notes name families in backticks
            for found in sought.finditer(prose.sub("", text)):
                places[found[1]].append(f"{path.relative_to(ROOT)}:{line}")
    assert {family: places[family] for family in families if len(places[family]) != 1} == {}


def test_a_constant_is_called_as_its_family_is_exposed(named: dict[str, str]) -> None:
    assert {constant.lower() for constant in named} == {
        family_of(name).replace("{", "").replace("}", "") for name in named.values()
    }


def test_the_names_are_those_of_the_families_that_exist(named: dict[str, str]) -> None:
    # The reference is generated from the definitions of all families (test_references.py).
    reference = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\S+)` \| (?:counter|gauge|histogram) \|", reference, re.MULTILINE)
    assert sorted(rows) == sorted(named.values())
