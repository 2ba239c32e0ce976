"""What we use of prometheus-client beyond its public interface is there, and one module uses it."""

import ast
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    metrics,
    registry,
    values,
)
from prometheus_client.mmap_dict import mmap_key

from monitoring.storage import client_internals
from monitoring.storage.client_internals import OpenHistogram, parts_of, set_mode, value_of
from monitoring.storage.values import SlotValue
from tests.paths import ROOT

MODULE = ROOT / "monitoring/storage/client_internals.py"
# Attributes of prometheus-client's objects, and its modules, that are not its public interface.
ATTRIBUTES = {
    *("ValueClass", "_value", "_sum", "_count", "_buckets", "_upper_bounds", "_metrics", "_kwargs"),
    *("_labelnames", "_labelvalues", "_metric_init", "_raise_if_not_observable", "_child_samples"),
    *("_collector_to_names", "_names_to_collectors", "_is_observable", "_is_parent", "_samples"),
}
MODULES = {f"prometheus_client.{name}" for name in ("metrics", "mmap_dict", "registry", "values")}
MAY_CHANGE = f"prometheus-client {version('prometheus-client')} changed what {MODULE.name} uses: "


class Value:
    """Keeps what prometheus-client gives to the class of its values."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.arguments, self.options = arguments, options


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    client_internals.use_value_class(Value)
    return CollectorRegistry()


def test_a_counter_s_and_a_gauge_s_value_is_made_with_what_we_read(made: CollectorRegistry) -> None:
    counter = value_of(Counter("sent", "S.", ["to"], registry=made).labels("x"))
    gauge = value_of(Gauge("open", "O.", registry=made, multiprocess_mode="livesum"))
    assert (counter.arguments, counter.options) == (
        ("counter", "sent", "sent_total", ("to",), ("x",), "S."),
        {},
    ), f"{MAY_CHANGE}a counter's value"
    assert (gauge.arguments, gauge.options) == (
        ("gauge", "open", "open", (), (), "O."),
        {"multiprocess_mode": "livesum"},
    ), f"{MAY_CHANGE}a gauge's value"


def test_a_histogram_has_a_sum_buckets_and_bounds(made: CollectorRegistry) -> None:
    family = Histogram("took", "T.", ["to"], buckets=(1, 2), registry=made)
    total, buckets, bounds = parts_of(family.labels("x"))
    assert [*bounds] == [1.0, 2.0, float("inf")], f"{MAY_CHANGE}a histogram's bounds"
    assert total.arguments == ("histogram", "took", "took_sum", ("to",), ("x",), "T."), MAY_CHANGE
    assert [bucket.arguments[2:5] for bucket in buckets] == [
        ("took_bucket", ("to", "le"), ("x", bound)) for bound in ("1.0", "2.0", "+Inf")
    ], f"{MAY_CHANGE}a histogram's buckets"


def test_a_histogram_s_children_and_it_alone_tell_their_parts(made: CollectorRegistry) -> None:
    told: list[str] = []

    class Told(OpenHistogram):
        def made(self) -> None:
            told.append(self.name_and_labels()[0])
            assert parts_of(self) == (self.total, self.buckets, self.bounds)

    family = Told("took", "T.", ["to"], registry=made)
    assert told == []
    with pytest.raises(ValueError, match="label"):
        family.must_be_observable()
    child = family.labels("x")
    child.must_be_observable()
    assert (told, child.name_and_labels()) == (["took"], ("took", [("to", "x")])), MAY_CHANGE


def test_a_gauge_s_mode_is_changed_for_the_children_to_come(made: CollectorRegistry) -> None:
    gauge = Gauge("applied", "A.", ["connection"], registry=made)
    set_mode(gauge, "mostrecent")
    assert value_of(gauge.labels("x")).options == {"multiprocess_mode": "mostrecent"}, MAY_CHANGE


def test_metrics_and_registries_take_our_locks() -> None:
    made: list[object] = []

    class Lock:
        def __init__(self) -> None:
            made.append(self)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    before = vars(metrics)["Lock"], vars(registry)["Lock"], vars(REGISTRY)["_lock"]
    try:
        client_internals.use_locks(Lock, lambda lock: False)
        own = CollectorRegistry()
        family = Counter("sent", "S.", ["to"], registry=own)
        assert made == [REGISTRY._lock, own._lock, family._lock], f"{MAY_CHANGE}its locks"
    finally:
        vars(metrics)["Lock"], vars(registry)["Lock"] = before[:2]
        vars(REGISTRY)["_lock"] = before[2]


def test_metrics_of_another_value_class_are_found() -> None:
    assert "sent" not in set(client_internals.values_of_other_classes())
    original = values.ValueClass
    assert original is SlotValue, f"{MAY_CHANGE}the value class"
    try:
        client_internals.use_value_class(Value)
        family = Counter("sent", "S.", ["to"])
        family.labels("x")
    finally:
        client_internals.use_value_class(original)
    try:
        assert "sent" in set(client_internals.values_of_other_classes()), MAY_CHANGE
    finally:
        REGISTRY.unregister(family)


def test_the_key_of_an_entry_is_the_one_that_we_write() -> None:
    key = mmap_key("sent", "sent_total", ["to"], ["x"], "S.")
    assert key == '["sent", "sent_total", {"to": "x"}, "S."]', f"{MAY_CHANGE}the file format"


def test_no_other_module_uses_them() -> None:
    sources = set((ROOT / "monitoring").rglob("*.py")) - {MODULE}
    assert len(sources) > 100
    used = {source.name: found for source in sources if (found := internals_in(source))}
    assert not used, f"use {MODULE.name}"


def internals_in(source: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.Attribute(value=ast.Name(id="self")):
                pass  # a class of ours may have an attribute of the same name
            case ast.Attribute(attr=name) if name in ATTRIBUTES:
                found.add(name)
            case ast.ImportFrom(module=module, names=names):
                paths = {str(module), *(f"{module}.{each.name}" for each in names)}
                if "prometheus_client.registry.Collector" not in paths:  # which is documented
                    found |= paths & MODULES
            case ast.Import(names=names):
                found |= {each.name for each in names} & MODULES
    return found


def test_pip_takes_no_minor_that_was_not_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = next(
        each
        for each in map(Requirement, project["dependencies"])
        if each.name == "prometheus-client"
    )
    tested = version("prometheus-client")
    major, minor = map(int, tested.split(".")[:2])
    assert needed.specifier.contains(tested)
    assert not needed.specifier.contains(f"{major}.{minor + 1}.0")
