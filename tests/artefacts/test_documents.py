"""What the Markdown files say exists: links, names, commands, queries and configurations."""

import ast
import configparser
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import global_settings
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from monitoring.conf import Settings
from monitoring.conf.health_table import OWN_HEALTH_CHECKS
from tests.artefacts.documents import Document, code_in, documents, said_by, target_of
from tests.artefacts.queries import dashboards, family, metrics
from tests.paths import ROOT
from tests.servers.prometheus import program

EVERY = pytest.mark.parametrize("name", sorted(documents()))
KEYS = {item.name for item in fields(Settings)}
# Of the environment, of Django and of those we work with: not keys of MONITORING.
OTHER_NAMES = {
    *(name for name in dir(global_settings) if name.isupper()),
    *("CHAOS_KINDS", "CHAOS_SECONDS", "CHAOS_SEED", "CHAOS_STEPS"),
    *("BIND", "DATABASE_URL", "DEMO_VIEWS", "EXPORTER_BIND", "WEB_CONCURRENCY"),
    *("PROMETHEUS_MULTIPROC_DIR", "REMOTE_ADDR", "CREDENTIALS_DIRECTORY"),
    *("PROMETHEUS_EXPORT_MIGRATIONS", "PROMETHEUS_LATENCY_BUCKETS", "PROMETHEUS_METRIC_NAMESPACE"),
    *("PROMETHEUS_METRICS_EXPORT_ADDRESS", "PROMETHEUS_METRICS_EXPORT_PORT"),
    *("PROMETHEUS_METRICS_EXPORT_PORT_RANGE", "BACKEND", "ENGINE", "MONITORING"),
    *("COMMIT", "COPY", "EXPLAIN", "GET", "HEAD", "POST", "PUT", "HUP", "USR2", "TERM", "SIGKILL"),
    *("INCR", "LPUSH", "FAILURE", "IGNORED", "REJECTED", "RETRY", "SUCCESS", "DEFINITIONS"),
}
OUR_PREFIXES = (
    r"(?:(?:outgoing_)?http|db|django|cache|celery|process|gunicorn|monitoring|python_gc)_"
)
NOT_METRICS = {"django_prometheus", "monitoring_unread", "db_share", "cache_share"}
OLD_NAMES = """
from django.conf import settings
settings.configure()
from prometheus_client import REGISTRY
import django_prometheus.middleware, django_prometheus.models, django_prometheus.migrations
import django_prometheus.db, django_prometheus.cache.metrics, json
django_prometheus.middleware.Metrics.get_instance()
print(json.dumps([[family.name, family.type] for family in REGISTRY.collect()]))
"""
OUR_FOLDERS = r"(?:monitoring|project|prometheus|grafana|docs|tests|bench)/"


def of(name: str) -> Document:
    return documents()[name]


@cache
def our_metrics() -> set[str]:
    """The families of docs/metrics.md, which test_references and test_live_scrape hold to the code;
    histograms by the names of their samples as well."""
    rows = re.findall(r"^\| `([^`]+)` \| (\w+)", of("docs/metrics.md").text, re.MULTILINE)
    return {sample for name, kind in rows for sample in samples(name, kind)}


@cache
def old_metrics() -> set[str]:
    """What django-prometheus exposes, by its own definitions; in a process without this app."""
    done = subprocess.run(
        [sys.executable, "-c", OLD_NAMES],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        timeout=60,
    )
    found = {
        f"{name}_total" if kind == "counter" else name: kind
        for name, kind in json.loads(done.stdout)
    }
    return {sample for name, kind in found.items() for sample in samples(name, kind)}


def samples(name: str, kind: str) -> list[str]:
    more = ("_bucket", "_sum", "_count") if kind == "histogram" else ()
    return [name, *(name + suffix for suffix in more)]


@EVERY
def test_every_relative_link_and_anchor_leads_somewhere(name: str) -> None:
    for link in of(name).links:
        if re.match(r"[a-z]+:", link):
            continue
        path, anchor = target_of(of(name), link)
        assert path.is_relative_to(ROOT), link
        assert path.exists(), link
        if anchor:
            assert anchor in of(str(path.relative_to(ROOT))).anchors, link


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached: set[str] = set()
    waiting = ["README.md"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            targets = (target_of(of(name), link)[0] for link in of(name).links if ":" not in link)
            waiting += [str(path.relative_to(ROOT)) for path in targets if path.suffix == ".md"]
    assert reached == set(documents())


@EVERY
def test_every_block_is_what_it_says(name: str) -> None:
    for language, code in of(name).blocks:
        match language:
            case "yaml":
                assert list(yaml.safe_load_all(code)), code
            case "toml":
                assert tomllib.loads(code), code
            case "ini":
                parser = configparser.ConfigParser(strict=False, interpolation=None)
                parser.read_string(code)
                assert parser.sections(), code
            case "json":
                assert json.loads(code), code
            case "python":
                ast.parse(code)
            case "promql":
                assert metrics(code), code
            case _:
                assert language in {"nginx", "sh"}, f"a block of {language or 'no language'}"


@EVERY
def test_every_setting_exists(name: str) -> None:
    words = {code for code in of(name).inline if re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", code)}
    assert words <= KEYS | OTHER_NAMES
    for language, code in of(name).blocks:
        if language == "python":
            assert set(keys_of_monitoring(code)) <= KEYS


def keys_of_monitoring(code: str) -> list[Any]:
    """The keys of every `MONITORING = {...}` in the code."""
    return [
        key.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        if "MONITORING" in (getattr(target, "id", "") for target in node.targets)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    ]


def test_the_table_of_health_checks_is_the_apps() -> None:
    page = of("docs/health.md")
    told = list(
        zip(page.cells("check"), page.cells("needs"), page.cells("by default"), strict=True)
    )
    assert told == [
        (f"`{check.name}`", check.needs, ", ".join(sorted(check.roles)))
        for check in OWN_HEALTH_CHECKS
    ]


@EVERY
def test_every_metric_exists(name: str) -> None:
    modules = {path.stem for path in (ROOT / "monitoring").glob("*.py")}
    known = our_metrics() | NOT_METRICS | modules
    if name == "docs/migration.md":
        known |= old_metrics()
    for code in of(name).inline:
        found = re.fullmatch(rf"({OUR_PREFIXES}[a-z0-9_]+)(\{{[^}}]*\}})?", code)
        if found:
            assert found[1] in known or family(found[1]) in known, code


def test_every_query_names_what_is_exposed_by_its_side() -> None:
    pages = documents().values()
    before = [code for page in pages for cell in page.cells("old PromQL") for code in code_in(cell)]
    after = [code for page in pages for cell in page.cells("new PromQL") for code in code_in(cell)]
    assert len(before) > 10
    assert len(after) >= len(before)
    for expression in before:
        assert metrics(expression) <= old_metrics(), expression
    for expression in after:
        assert metrics(expression) <= our_metrics(), expression
    ours = [code for page in pages for cell in page.cells("PromQL") for code in code_in(cell)]
    for expression in ours:
        assert metrics(expression) <= our_metrics() | {"up"}, expression


def test_every_family_of_django_prometheus_is_in_the_migration() -> None:
    told = {code for code in of("docs/migration.md").inline if code.startswith("django_")}
    whole = {name for name in old_metrics() if name.startswith("django_") and family(name) == name}
    assert len(whole) > 30
    assert whole - told == set()


def test_promtool_takes_every_query_of_the_documents(tmp_path: Path) -> None:
    expressions = [
        *(code for page in documents().values() for kind, code in page.blocks if kind == "promql"),
        *(
            code
            for page in documents().values()
            for title in ("PromQL", "old PromQL", "new PromQL")
            for cell in page.cells(title)
            for code in code_in(cell)
        ),
    ]
    rules = [
        {"record": f"document:query:{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "documents", "rules": rules}]}))
    status, said = said_by(program("promtool"), "check", "rules", path)
    assert status == 0, said
    assert len(rules) > 30


def test_every_section_of_the_runbook_has_a_query_of_what_is_exposed() -> None:
    sections = re.split(r"^## ", of("docs/runbook.md").text, flags=re.MULTILINE)[1:]
    for section in sections:
        [(language, query)] = Document("", section).blocks
        assert language == "promql"
        assert metrics(query) <= our_metrics() | {"up"}, query


def test_every_panel_that_the_runbook_names_is_on_a_dashboard() -> None:
    titles = {panel["title"] for each in dashboards().values() for panel in each["panels"]}
    titles |= {each["title"].rpartition("/")[2].strip() for each in dashboards().values()}
    _, *sections = re.split(r"^## ", of("docs/runbook.md").prose, flags=re.MULTILINE)
    named = {
        " ".join(found.split())
        for section in sections
        for found in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", section)
    }
    assert len(named) > 10
    assert named <= titles


@EVERY
def test_every_path_of_the_repository_exists(name: str) -> None:
    for code in of(name).inline:
        if re.fullmatch(rf"{OUR_FOLDERS}[\w./-]*", code):
            there = (ROOT, ROOT / "monitoring" / "templates", ROOT / "monitoring" / "static")
            assert any((base / code).exists() for base in there), code


@EVERY
def test_every_command_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in of(name).commands:
        for target in re.findall(r"(?:^|[^\w-])make ([a-z-]+)", command):
            assert target in targets, command
        for found in re.findall(r"manage\.py ([a-z]+)", command):
            assert found in get_commands(), command
        for module in re.findall(r"python -m ([\w.]+)", command):
            assert importlib.util.find_spec(module), command


@EVERY
def test_every_url_of_ours_is_one(name: str) -> None:
    for command in of(name).commands:
        for url in re.findall(r"(?:^|[ 0-9\"'])(/(?:api|admin)/[\w/-]*)", command):
            try:
                resolve(url)
            except Resolver404:
                pytest.fail(f"{command}: there is no {url}")
