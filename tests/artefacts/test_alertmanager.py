"""A real Alertmanager with this repository's configuration: who gets what, what is held back."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from project.run.listening import url
from project.run.watching import prepare
from tests.paths import ROOT
from tests.servers.ports import wait_for
from tests.servers.prometheus import program

PLACE = {"job": "shop", "instance": "a:9464"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of its API."""
    work = tmp_path_factory.mktemp("alertmanager")
    watcher = prepare(work, "http://127.0.0.1:9", "http://127.0.0.1:9", "secret")[1]
    with (work / "log").open("wb") as log:
        process = subprocess.Popen(watcher.command, stdout=log, stderr=subprocess.STDOUT)
    try:
        api = f"{url(watcher.address)}/api/v2"
        wait_for("Alertmanager", lambda: call(f"{api}/status"))
        yield api
    finally:
        process.terminate()
        process.wait(20)


def call(address: str, body: object = None) -> object:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read() or b"null")


def alert(name: str, severity: str, **labels: str) -> dict[str, dict[str, str]]:
    return {"labels": {"alertname": name, "severity": severity, **PLACE, **labels}}


def states(api: str) -> dict[tuple[str, str], str]:
    """`active` or `suppressed` by the alert's name and instance."""
    found = call(f"{api}/alerts")
    assert isinstance(found, list)
    return {
        (each["labels"]["alertname"], each["labels"].get("instance", "")): each["status"]["state"]
        for each in found
    }


@pytest.mark.parametrize(
    ("severity", "receiver"),
    [("critical", "site-critical"), ("warning", "site"), ("info", "site"), ("other", "site")],
)
def test_only_critical_alerts_go_to_the_pager(severity: str, receiver: str) -> None:
    done = subprocess.run(
        [
            program("amtool"),
            "config",
            "routes",
            "test",
            f"--config.file={ROOT / 'prometheus' / 'alertmanager.yml'}",
            "alertname=DjangoDatabaseDown",
            f"severity={severity}",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == (receiver, 0), done.stderr


def test_what_a_cause_explains_is_held_back_where_the_cause_is(alertmanager: str) -> None:
    elsewhere = {"instance": "b:9464"}
    queue = {"listener": "0.0.0.0:8000"}
    call(
        f"{alertmanager}/alerts",
        [
            alert("DjangoDatabaseDown", "critical"),
            alert("DjangoErrorRateAboveThreshold", "warning"),
            alert("DjangoDatabaseErrors", "warning", **elsewhere),
            alert("DjangoErrorBudgetBurn", "critical"),
            alert("DjangoErrorBudgetBurn", "warning", instance="", long_window="1d"),
            alert("DjangoNoWorkers", "critical"),
            alert("DjangoWorkersMissing", "warning"),
            alert("DjangoWorkersMissing", "warning", **elsewhere),
            alert("DjangoListenBacklogFull", "critical", **queue),
            alert("DjangoListenBacklogFilling", "warning", **queue),
            alert("DjangoScrapeSlow", "warning"),
        ],
    )
    here = PLACE["instance"]
    there = elsewhere["instance"]
    expected = {
        ("DjangoDatabaseDown", here): "active",
        ("DjangoErrorRateAboveThreshold", here): "suppressed",
        ("DjangoDatabaseErrors", there): "suppressed",
        ("DjangoErrorBudgetBurn", here): "active",
        ("DjangoErrorBudgetBurn", ""): "active",
        ("DjangoNoWorkers", here): "active",
        ("DjangoWorkersMissing", here): "suppressed",
        ("DjangoWorkersMissing", there): "active",
        ("DjangoListenBacklogFull", here): "active",
        ("DjangoListenBacklogFilling", here): "suppressed",
        ("DjangoScrapeSlow", here): "active",
    }
    wait_for("the states", lambda: states(alertmanager) == expected)


def test_a_page_holds_the_warning_about_the_same_back(alertmanager: str) -> None:
    call(
        f"{alertmanager}/alerts",
        [
            alert("DjangoLatencyBudgetBurn", "critical", instance="c:9464"),
            alert("DjangoLatencyBudgetBurn", "warning", instance="c:9464", long_window="3d"),
        ],
    )

    def both() -> bool:
        found = call(f"{alertmanager}/alerts")
        assert isinstance(found, list)
        return {
            (each["labels"]["severity"], each["status"]["state"])
            for each in found
            if each["labels"].get("instance") == "c:9464"
        } == {("critical", "active"), ("warning", "suppressed")}

    wait_for("the states", both)
