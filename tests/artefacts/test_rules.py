"""Prometheus's rules: current, well-formed, tested, documented, and quiet where they should be."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from prometheus.source.files import rule_files
from prometheus.source.options import RuleOptions
from tests.artefacts.queries import RULES, metrics, nodes, rules, selectors
from tests.paths import ROOT
from tests.servers.prometheus import program

TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
ALERTS = rules("alert")
RECORDINGS = rules("record")


def run(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def name_of(rule: dict[str, Any]) -> str:
    return "-".join((rule["alert"], rule["labels"].get("long_window", ""))).strip("-")


def test_the_files_are_those_that_the_source_makes() -> None:
    committed = {path.name: path.read_text() for path in RULES.iterdir()}
    assert committed == rule_files(RuleOptions()), "run `make rules`"


def test_a_selector_given_once_is_in_every_selector_of_a_scraped_series(tmp_path: Path) -> None:
    status, said = run(
        sys.executable, "-m", "prometheus.source", "--selector", 'job="shop"', "--output", tmp_path
    )
    assert status == 0, said
    for path in tmp_path.glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                for selector in selectors(rule["expr"]):
                    if ":" not in selector.name:
                        assert 'job="shop"' in selector.text, rule
    assert run(program("promtool"), "check", "rules", *tmp_path.glob("*.yml"))[0] == 0


def test_promtool_has_no_complaint() -> None:
    promtool = program("promtool")
    files = sorted(RULES.iterdir())
    status, said = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *files)
    assert status == 0, said
    status, said = run(promtool, "check", "config", "prometheus/prometheus.yml")
    assert (status, said.count("SUCCESS")) == (0, len(files) + 2), said


@pytest.mark.parametrize("path", ["prometheus", "prometheus/compose"])
def test_amtool_has_no_complaint(path: str) -> None:
    status, said = run(program("amtool"), "check-config", f"{path}/alertmanager.yml")
    assert status == 0, said


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_resolve_as_their_tests_say(path: Path) -> None:
    status, said = run(program("promtool"), "test", "rules", path)
    assert status == 0, said


def test_every_alert_is_tested_to_fire_to_be_silent_before_and_after_and_without_series() -> None:
    """In some test of it: silent, then firing, then silent; in another one: silent throughout."""
    changes: dict[str, set[tuple[bool, ...]]] = defaultdict(set)
    fired: set[str] = set()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            courses: dict[str, list[bool]] = defaultdict(list)
            for step in test["alert_rule_test"]:
                courses[step["alertname"]].append(bool(step["exp_alerts"]))
                for alert in step["exp_alerts"]:
                    window = alert["exp_labels"].get("long_window", "")
                    fired.add(f"{step['alertname']}-{window}".strip("-"))
            for name, course in courses.items():
                kept = [
                    now for now, last in zip(course, [None, *course], strict=False) if now != last
                ]
                changes[name].add(tuple(kept))
    for rule in ALERTS:
        courses_of = changes[rule["alert"]]
        assert any(course[:3] == (False, True, False) for course in courses_of), rule["alert"]
        assert (False,) in courses_of, f"{rule['alert']} is never tested to stay silent"
    # Of an alert with several windows, each is seen to fire.
    assert fired == {name_of(rule) for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_an_alert_says_what_an_operator_needs(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Django[A-Z]\w+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert "for" in rule
    annotations = rule["annotations"]
    assert re.fullmatch(r"[A-Z][^{]+\.", annotations["summary"])
    assert "$value" in annotations["description"]
    if rule["alert"] != "DjangoMetricsAbsent":  # nothing is left to name
        assert re.search(r"\$labels\.(instance|job)", annotations["description"])
    assert annotations["runbook_url"].endswith(f"runbook.md#{rule['alert'].lower()}")


def test_the_runbook_has_one_section_for_each_alert_with_the_same_four_parts() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    named = {section.splitlines()[0]: section for section in sections}
    assert set(named) == {rule["alert"] for rule in ALERTS}
    assert len(named) == len(sections)
    for name, section in named.items():
        parts = re.findall(r"^\*\*(.+?)\.\*\* \S", section, flags=re.MULTILINE)
        assert parts == ["Meaning", "Impact", "Check", "Do"], name


@pytest.mark.parametrize("rule", RECORDINGS, ids=lambda rule: rule["record"])
def test_a_recording_rule_is_named_level_metric_operations(rule: dict[str, Any]) -> None:
    level, metric, operations = rule["record"].split(":")
    assert re.fullmatch(r"(instance|job)(_[a-z]+)?", level)
    assert not metric.endswith("_total")
    assert re.fullmatch(
        r"((ratio_)?rate|increase|mean|p95_|histogram_quantile)\d+[mhd]|ratio", operations
    )


def test_every_recorded_series_that_is_read_is_recorded() -> None:
    recorded = {rule["record"] for rule in RECORDINGS}
    read = {name for rule in ALERTS + RECORDINGS for name in metrics(rule["expr"]) if ":" in name}
    assert read <= recorded


def test_no_job_is_named() -> None:
    for rule in ALERTS + RECORDINGS:
        for selector in selectors(rule["expr"]):
            assert {label for label, _, _ in selector.matchers}.isdisjoint({"job", "instance"})


def test_counters_are_only_read_by_their_rate_or_increase() -> None:
    for rule in ALERTS + RECORDINGS:
        for node in nodes(rule["expr"]):
            if isinstance(node, promql.Call) and node.func.name in {"rate", "increase"}:
                [selector] = selectors(node.prettify())
                assert re.search(r"_(total|bucket|count|sum)$", selector.name), rule
        bare = re.sub(r"\b(rate|increase)\([^()]*\)", "", rule["expr"])
        assert not re.search(r"_total\b", bare), rule


def test_client_errors_page_nobody() -> None:
    for rule in ALERTS:
        if rule["labels"]["severity"] == "critical":
            assert "http_errors" not in rule["expr"], rule["alert"]


def test_alertmanager_sends_everything_to_the_site_and_inhibits_only_what_exists() -> None:
    configuration = yaml.safe_load((ROOT / "prometheus" / "alertmanager.yml").read_text())
    receivers = {receiver["name"]: receiver for receiver in configuration["receivers"]}
    routes = [configuration["route"], *configuration["route"]["routes"]]
    for route in routes:
        [webhook] = receivers[route["receiver"]]["webhook_configs"]
        assert webhook["url"].endswith("/api/alerts/webhook/")
        assert webhook["send_resolved"] is True
        assert "credentials_file" in webhook["http_config"]["authorization"]
    alerts = {rule["alert"] for rule in ALERTS}
    for inhibition in configuration["inhibit_rules"]:
        for matcher in inhibition["source_matchers"] + inhibition["target_matchers"]:
            label, value = re.fullmatch(r'(\w+)=~?"(.+)"', matcher).groups()  # type: ignore[union-attr]
            if label == "alertname":
                assert any(re.fullmatch(value, name) for name in alerts), matcher
