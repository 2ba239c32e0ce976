"""The versions that pip may choose without our constraints file, as adopters run it."""

import tomllib

from packaging.requirements import Requirement

from tests.adoption.pythons import SUPPORTED
from tests.paths import ROOT


def test_the_classifiers_are_what_the_matrix_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    parts = [line.split(" :: ") for line in project["classifiers"]]
    versions = {line[-1] for line in parts if line[:2] == ["Programming Language", "Python"]}
    djangos = {line[-1] for line in parts if line[:2] == ["Framework", "Django"]}
    assert versions - {"3"} == set(SUPPORTED)
    assert djangos - {"Django"} == {each for some in SUPPORTED.values() for each in some}
    assert project["requires-python"] == f">={min(SUPPORTED, key=_number)}"


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def requirements(extra: str = "") -> list[Requirement]:
    """Of the core, or of an extra and the extras that it names, without the core."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["optional-dependencies"][extra] if extra else project["dependencies"]
    found = [Requirement(line) for line in lines]
    ours = [each for each in found if each.name == project["name"]]
    named = [each for one in ours for name in one.extras for each in requirements(name)]
    return [*(each for each in found if each not in ours), *named]


def test_pip_may_take_the_django_prometheus_that_fits_the_project_s_django() -> None:
    """2.5.0 is what projects pin, and refuses Django 6.1; so far, a pre-release alone allows it.

    pip passes over pre-releases unless a requirement names one; 2.4.1 names no Django at all.
    """
    offered = ["2.4.1", "2.5.0", "2.6.0.dev22"]
    (needed,) = requirements("django-prometheus")
    allowed = [*needed.specifier.filter(offered)]
    assert allowed == ["2.5.0", "2.6.0.dev22"]


def test_the_core_needs_three_packages_and_psutil_where_there_is_no_proc() -> None:
    def needed(system: str) -> set[str]:
        return {
            each.name
            for each in requirements()
            if each.marker is None or each.marker.evaluate({"sys_platform": system})
        }

    core = {"django", "numpy", "prometheus-client"}
    assert needed("linux") == core
    assert needed("darwin") == needed("win32") == core | {"psutil"}


def test_all_has_what_our_features_use_and_the_reference_project_has_more() -> None:
    features = {
        each.name
        for extra in ("api", "celery", "redis", "postgres")
        for each in requirements(extra)
    }
    assert {each.name for each in requirements("all")} == features
    project = {each.name for each in requirements("project")}
    assert project > features | {"django-prometheus"}
