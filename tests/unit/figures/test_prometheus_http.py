"""Whatever a Prometheus-compatible server does, the summary has figures or a stated error."""

import json
import time
from collections.abc import Iterator

import pytest

from monitoring.conf import Settings, parse_settings
from monitoring.figures.prometheus_http import PrometheusClient
from monitoring.figures.traffic import SourceUnavailableError
from tests.servers.ports import free_port
from tests.unit.figures.api_server import ApiServer, run_api_server

VECTOR = {"resultType": "vector", "result": [{"metric": {"le": "1"}, "value": [1.5, "2.5"]}]}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with run_api_server() as running:
        yield running


def settings_for(url: str, **more: object) -> Settings:
    settings, problems = parse_settings({"PROMETHEUS_URL": url, **more})
    assert problems == []
    return settings


def code_of(settings: Settings) -> str:
    with PrometheusClient(settings) as client, pytest.raises(SourceUnavailableError) as caught:
        client.query("up")
    assert "127.0.0.1" not in str(caught.value)
    return caught.value.code


def answer(**more: object) -> bytes:
    return json.dumps({"status": "success", "data": VECTOR, **more}).encode()


def test_a_good_answer_becomes_samples_of_one_moment(server: ApiServer) -> None:
    server.body = answer(warnings=["PromQL info: metric might not be a counter"])
    with PrometheusClient(settings_for(server.url + "/tenant/", PROMETHEUS_TOKEN="t0")) as client:
        assert client.query("up") == [({"le": "1"}, 2.5)]
        assert client.value("up") == 2.5
    path, headers, form = server.seen[0]
    assert path == "/tenant/api/v1/query"
    assert headers["Authorization"] == "Bearer t0"
    assert form["query"] == ["up"]
    assert server.seen[1][2]["time"] == form["time"]  # all queries see one moment


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, answer(warnings=["store gateway a is away"]), "partial_data"),  # Thanos
        (200, answer(isPartial=True), "partial_data"),  # VictoriaMetrics
        (503, json.dumps({"status": "error", "errorType": "timeout"}).encode(), "timeout"),
        (422, json.dumps({"status": "error", "errorType": "execution"}).encode(), "bad_answer"),
        (401, b"unauthorized", "refused"),
        (403, b"{}", "refused"),
        (200, b"<html>a login page</html>", "bad_answer"),
        (200, b'{"status": "success"}', "bad_answer"),
        (200, b"[]", "bad_answer"),
        (502, b"", "bad_answer"),
    ],
)
def test_what_is_no_answer_is_a_stated_error(
    server: ApiServer, status: int, body: bytes, code: str
) -> None:
    server.status, server.body = status, body
    assert code_of(settings_for(server.url)) == code


def test_a_server_that_does_not_listen_is_unreachable() -> None:
    assert code_of(settings_for(f"http://127.0.0.1:{free_port()}")) == "unreachable"


def test_an_answer_that_does_not_come_is_not_waited_for(server: ApiServer) -> None:
    server.go.clear()
    started = time.monotonic()
    assert code_of(settings_for(server.url, PROMETHEUS_TIMEOUT_MS=200)) == "timeout"
    assert time.monotonic() - started < 5


def test_a_certificate_of_an_unknown_authority_is_refused(server: ApiServer) -> None:
    # Plain HTTP on the other side: the handshake fails as it does for a wrong certificate.
    assert code_of(settings_for(server.url.replace("http", "https"))) == "unreachable"
