"""docs/api.md is the whole public face: what it lists is there, and nothing else is promised."""

import ast
import importlib
import logging
import re
from collections.abc import Iterator

import pytest
from celery import current_app
from django.core.management import get_commands
from django.template import engines
from django.urls import reverse
from django.utils.module_loading import import_string

from monitoring import db_logging, tracking, urls
from tests.artefacts.documents import code_in, documents
from tests.paths import ROOT

PACKAGES = ("monitoring", "multiprocess_exporter")
# A package whose __init__ hands names to the app itself.
INTERNAL = {"monitoring.conf"}
# Its settings and the runner behind `make run` are made for this repository alone.
NOT_AN_EXAMPLE = {"environment.py"}


def face() -> dict[str, set[str]]:
    """Module and names, by docs/api.md."""
    page = documents()["docs/api.md"]
    rows = zip(page.cells("module"), page.cells("names"), strict=True)
    return {code_in(module)[0]: set(code_in(names)) for module, names in rows}


def named(kind: str) -> list[str]:
    """The names of a row of the second table."""
    [row] = re.findall(rf"^\| {kind} \|.*?\|(.*)\|$", documents()["docs/api.md"].text, re.MULTILINE)
    return code_in(row)


def imports(code: str) -> Iterator[tuple[str, str]]:
    """Every (module, name) that the code imports from this package."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
            yield from ((str(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from (
                (alias.name, "") for alias in node.names if alias.name.split(".")[0] in PACKAGES
            )


def is_public(module: str, name: str) -> bool:
    """Whether the face lists it; `from monitoring import storage` imports a listed module."""
    listed = face()
    return name == "*" or name in listed.get(module, ()) or f"{module}.{name}" in listed


def test_what_is_listed_is_each_modules_all_and_can_be_imported() -> None:
    for name, names in face().items():
        module = importlib.import_module(name)
        assert set(module.__all__) == names, name
        for public in names:
            assert hasattr(module, public), f"{name}.{public}"


def test_a_module_that_is_not_listed_has_no_all() -> None:
    with_all = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^__all__ = ", path.read_text(), re.MULTILINE)
    }
    assert with_all == face().keys() | INTERNAL


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_documents_import_what_is_public(name: str) -> None:
    for language, code in documents()[name].blocks:
        if language == "python":
            for module, imported in imports(code):
                assert is_public(module, imported), f"{module}.{imported}"


def test_the_reference_project_imports_what_is_public() -> None:
    files = [ROOT / "gunicorn.conf.py", *(ROOT / "project").glob("*.py")]
    files += (ROOT / "project" / "demo").rglob("*.py")
    found = [
        (path.name, module, name)
        for path in files
        if path.name not in NOT_AN_EXAMPLE
        for module, name in imports(path.read_text())
    ]
    assert len(found) > 5
    for path, module, name in found:
        assert is_public(module, name), f"{path}: {module}.{name}"


@pytest.mark.parametrize("kind", ["app", "middleware", "URLs", "error handler"])
def test_every_dotted_path_to_name_leads_to_something(kind: str) -> None:
    for path in named(kind):
        try:
            importlib.import_module(path)
        except ImportError:
            assert import_string(path)


def test_the_url_names_are_those_of_the_urlconf() -> None:
    mounted = {f"{urls.app_name}:{pattern.name}" for pattern in urls.urlpatterns}
    assert set(named("URL names")) == mounted
    assert all(reverse(name) for name in named("admin's URL"))


def test_the_tasks_are_known_to_celery_by_these_names() -> None:
    importlib.import_module("monitoring.tasks")
    ours = {name for name in current_app.tasks if name.startswith("monitoring.")}
    assert set(named("tasks")) == ours


def test_the_commands_and_the_template_tag_are_there() -> None:
    commands = {name for name, app in get_commands().items() if app == "monitoring"}
    assert set(named("commands")) == commands
    for tag in named("template tag"):
        if "%" not in tag:
            template = "{% load monitoring_alerts %}{% " + tag + " %}"
            assert engines["django"].from_string(template).render({}) is not None


def test_the_loggers_are_those_that_the_app_writes_to() -> None:
    written = {
        name
        for path in (ROOT / "monitoring").rglob("*.py")
        for name in re.findall(r'OwnLogger\("([\w.]+)"\)', path.read_text())
    }
    assert set(named("loggers")) == written
    assert all(logging.getLogger(name) for name in written)


def test_the_earlier_name_of_track_queries_is_the_same() -> None:
    assert db_logging.track_queries is tracking.track_queries
    assert db_logging.Tracker is tracking.Tracker
