"""`make run` watches the site with the Prometheus and Alertmanager that are installed."""

import contextlib
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from project.run.listening import url
from project.run.watching import Watcher, prepare
from tests.servers.ports import wait_for

SITE = "http://127.0.0.1:18000"
EXPORTER = "http://127.0.0.1:19464"
TOKEN = "a-token-for-tests"


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())


@contextlib.contextmanager
def running(watchers: list[Watcher], work: Path) -> Iterator[dict[str, str]]:
    """Their URLs by name, once they are ready."""
    processes = []
    try:
        for watcher in watchers:
            with (work / f"{watcher.name}.log").open("wb") as log:
                processes.append(
                    subprocess.Popen(watcher.command, stdout=log, stderr=subprocess.STDOUT)
                )
        for watcher in watchers:
            wait_for(watcher.name, partial(get, f"{url(watcher.address)}/-/ready"))
        yield {watcher.name: url(watcher.address) for watcher in watchers}
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def test_they_find_the_site_the_rules_and_each_other(tmp_path: Path) -> None:
    watchers = prepare(tmp_path / "var", SITE, EXPORTER, TOKEN)
    assert [watcher.name for watcher in watchers] == ["prometheus", "alertmanager"]
    with running(watchers, tmp_path) as urls:
        api = f"{urls['prometheus']}/api/v1"

        def targets() -> dict[str, str] | None:
            found = json.loads(get(f"{api}/targets"))["data"]["activeTargets"]
            by_job = {target["labels"]["job"]: target["scrapeUrl"] for target in found}
            return by_job if len(by_job) == 3 else None

        assert wait_for("the targets", targets) == {
            "django": f"{EXPORTER}/metrics",
            "prometheus": f"{urls['prometheus']}/metrics",
            "alertmanager": f"{urls['alertmanager']}/metrics",
        }

        def alertmanagers() -> list[Any]:
            return list(json.loads(get(f"{api}/alertmanagers"))["data"]["activeAlertmanagers"])

        [found] = wait_for("Alertmanager", alertmanagers)
        assert found["url"] == f"{urls['alertmanager']}/api/v2/alerts"
        assert len(json.loads(get(f"{api}/rules"))["data"]["groups"]) == 12
        loaded = json.loads(get(f"{urls['alertmanager']}/api/v2/status"))["config"]["original"]
        assert loaded.count(f"{SITE}/api/alerts/webhook/") == 2


def test_the_token_is_the_users_alone(tmp_path: Path) -> None:
    prepare(tmp_path, SITE, EXPORTER, TOKEN)
    path = tmp_path / "alertmanager" / "webhook-token"
    assert path.read_text() == TOKEN
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_left_to_its_owner(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it: as good
            taken.bind(("127.0.0.1", 9090))
            taken.listen()
        prometheus = prepare(tmp_path, SITE, EXPORTER, TOKEN)[0]
    assert prometheus.address.port != 9090


def test_the_sites_own_port_is_not_taken(tmp_path: Path) -> None:
    site = "http://127.0.0.1:9090"
    assert prepare(tmp_path, site, EXPORTER, TOKEN)[0].address.port != 9090


def test_without_the_programs_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert prepare(tmp_path / "var", SITE, EXPORTER, TOKEN) == []
    assert not (tmp_path / "var").exists()
