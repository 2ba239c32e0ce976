"""django-prometheus's families are the same ones, with or without django-prometheus."""

import json
from typing import Any

import pytest

from tests.unit.conftest import RunPython

CONFIGURE = """
import sys
from django.conf import settings
settings.configure({settings})
sys.modules.update(dict.fromkeys({missing!r}))
"""
KEPT = """
from monitoring.metrics.foreign_families import foreign
from monitoring.figures.moments import is_kept
names = ("django_db_execute", "shop_django_db_execute", "shop_django_cache_get", "shop_orders")
print(foreign("django_db_execute"), *(name for name in names if is_kept(name, "counter")))
"""
FAMILIES = """
import json
from monitoring.metrics import foreign_families
groups = foreign_families.database_families(), foreign_families.cache_families()
families = [family for group in groups for family in vars(group).values()]
families += foreign_families.migration_gauges()
print(json.dumps([
    [type(each).__name__, each._name, each._documentation, each._labelnames,
     getattr(each, "_upper_bounds", None) or each._kwargs.get("buckets"),
     each._kwargs.get("multiprocess_mode")]
    for each in families
]))
"""
BESIDE = """
families = foreign_families.database_families()
import django_prometheus.db.metrics, django_prometheus.cache.metrics, django_prometheus.migrations
print(families.execute is django_prometheus.db.metrics.execute_total)
"""
MISSING = ["django_prometheus"]
SETTINGS = [
    "",
    "PROMETHEUS_METRIC_NAMESPACE='shop'",
    "PROMETHEUS_LATENCY_BUCKETS=(0.5, 2, float('inf'))",
]


@pytest.mark.parametrize("missing", [[], MISSING], ids=["installed", "missing"])
@pytest.mark.parametrize(
    ("namespace", "told"),
    [
        ("", "django_db_execute django_db_execute"),
        ("shop", "shop_django_db_execute shop_django_db_execute shop_django_cache_get"),
    ],
)
def test_the_namespace_stands_before_the_names(
    namespace: str, told: str, missing: list[str], run_python: RunPython
) -> None:
    settings = f"PROMETHEUS_METRIC_NAMESPACE={namespace!r}"
    script = CONFIGURE.format(settings=settings, missing=missing) + KEPT
    assert run_python(script).strip() == told


def test_without_settings_there_is_no_namespace(run_python: RunPython) -> None:
    script = "import sys; sys.modules['django_prometheus'] = None\n" + KEPT
    assert run_python(script).split()[0] == "django_db_execute"


@pytest.mark.parametrize("settings", SETTINGS)
def test_ours_are_as_theirs_to_the_bucket(settings: str, run_python: RunPython) -> None:
    def families(missing: list[str]) -> Any:
        return json.loads(
            run_python(CONFIGURE.format(settings=settings, missing=missing) + FAMILIES)
        )

    theirs, ours = families([]), families(MISSING)
    assert ours == theirs
    assert len(ours) == 6 + 4 + 2
    assert all(each[4] for each in ours if each[0] == "Histogram")


def test_theirs_are_used_where_they_are_whoever_imports_them_later(run_python: RunPython) -> None:
    script = CONFIGURE.format(settings="", missing=[]) + FAMILIES + BESIDE
    assert run_python(script).splitlines()[-1] == "True"
