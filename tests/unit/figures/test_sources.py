"""Figures of this host, and what is said when it has none."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from monitoring.figures.sources import read_counted, read_intervals, read_traffic
from monitoring.figures.traffic import SourceUnavailableError
from monitoring.figures.window import Window


@pytest.mark.needs("owners")
@pytest.mark.parametrize("read", [read_traffic, read_intervals, read_counted])
def test_a_directory_that_another_user_made_anew_has_no_figures(
    read: Callable[[Window], object], metrics_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(metrics_directory))
    read(Window(300))
    os.chown(metrics_directory, 65534, 65534)
    with pytest.raises(SourceUnavailableError, match="is owned by uid 65534") as refused:
        read(Window(300))
    assert refused.value.code == "metrics_directory"
