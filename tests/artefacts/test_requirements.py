"""The versions that pip may choose without our constraints file, as adopters run it."""

import tomllib

from packaging.requirements import Requirement

from tests.paths import ROOT


def requirement(name: str) -> Requirement:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [Requirement(line) for line in project["dependencies"]]
    return next(each for each in found if each.name == name)


def test_pip_may_take_the_django_prometheus_that_fits_the_project_s_django() -> None:
    """2.5.0 is what projects pin, and refuses Django 6.1; so far, a pre-release alone allows it.

    pip passes over pre-releases unless a requirement names one; 2.4.1 names no Django at all.
    """
    offered = ["2.4.1", "2.5.0", "2.6.0.dev22"]
    allowed = [*requirement("django-prometheus").specifier.filter(offered)]
    assert allowed == ["2.5.0", "2.6.0.dev22"]
