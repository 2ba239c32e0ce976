"""The slow query log, where it cannot be written."""

import pytest
from django.test import override_settings

from monitoring.conf import get_settings
from monitoring.instruments.databases.query_log import SLOW, Origin, QueryLog
from monitoring.metrics.database_families import database_metrics
from monitoring.storage.directory import configured_directory
from tests.unit.stock import stock_samples


def dropped(reason: str) -> float:
    return stock_samples(configured_directory()).get(
        ("monitoring_dropped_total", (("reason", reason),)), 0.0
    )


def test_a_disk_that_is_read_only_costs_lines_and_is_no_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with override_settings(MONITORING={"SLOW_QUERY_LOG": "/dev/null/slow.log"}):
        log = QueryLog(get_settings())
    database_metrics().suppressed.inc(0)  # the process has its files from its first metric on
    lines, errors = dropped("query_log"), dropped("internal_error")
    for _ in range(3):
        log.write({"event": SLOW, "time": 0.0}, ("SELECT 1", "sqlite"), Origin(None, None), {})
    assert dropped("query_log") - lines == 3
    assert dropped("internal_error") - errors == 0
    (record,) = caplog.records  # once a minute
    assert "/dev/null" in record.getMessage()
    assert record.exc_info is None
