"""A view's class, and the framework that it needs, is imported when it is first asked for."""

from pathlib import Path

import pytest
from django.db import connections

from monitoring import urls
from monitoring.api.mounting import LazyView
from monitoring.api.summary import SummaryView
from tests.servers.scripts import run_script

LOADED = """
import sys
import django
django.setup()
from django.urls import get_resolver, reverse
reverse("multiprocess_exporter:summary")
print("rest_framework" in sys.modules)
get_resolver().resolve("/api/metrics/").func.cls
print("rest_framework" in sys.modules)
"""


def test_the_framework_is_loaded_by_the_first_request_for_it_and_not_by_the_urls(
    tmp_path: Path,
) -> None:
    output = run_script(LOADED, work=tmp_path)
    assert output.split() == ["False", "True"]


def test_who_looks_for_the_class_behind_a_view_finds_it() -> None:
    view = LazyView("monitoring.api.summary.SummaryView")
    assert (view.cls, view.initkwargs, view.__name__) == (SummaryView, {}, "SummaryView")


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(ImportError, match="NoView"):
        _ = LazyView("monitoring.api.summary.NoView").cls


def test_no_endpoint_opens_a_transaction_in_any_database() -> None:
    for pattern in urls.urlpatterns:
        outside: set[str] = getattr(pattern.callback, "_non_atomic_requests", set())
        assert outside >= set(connections), pattern
