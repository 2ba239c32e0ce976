"""The exporter closed: TLS, basic authentication, bearer token, networks; and options that fail."""

import base64
import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.servers.exporter import Exporter, run_exporter, start_exporter, write_settings
from tests.servers.prometheus import program

USER, PASSWORD = "prometheus", "pässword: with a colon"
TOKEN = "a-token-of-enough-characters"
SETTINGS_TOKEN = "the-token-of-the-settings"


@dataclass(frozen=True)
class Files:
    certificate: Path
    key: Path
    encrypted: Path
    basic: Path
    token: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    work = tmp_path_factory.mktemp("files")
    made = Files(*(work / name for name in Files.__annotations__))
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "ec", "-days", "2", "-nodes"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(made.key), "-out", str(made.certificate)),
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            *(program("openssl"), "ec", "-in", str(made.key), "-out", str(made.encrypted)),
            *("-aes256", "-passout", "pass:not-empty"),
        ],
        check=True,
        capture_output=True,
    )
    made.basic.write_text(f"{USER}:{PASSWORD}\n")
    made.token.write_text(f"{TOKEN}\n")
    return made


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, files: Files) -> Iterator[Exporter]:
    """With TLS, and both ways to authenticate."""
    work = tmp_path_factory.mktemp("closed")
    arguments = (
        *("--tls-cert", str(files.certificate), "--tls-key", str(files.key)),
        *("--basic-auth-file", str(files.basic), "--token-file", str(files.token)),
    )
    trust = ssl.create_default_context(cafile=str(files.certificate))
    with run_exporter(work, *arguments, directory=work / "metrics", tls=trust) as running:
        yield running


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (basic(f"{USER}:{PASSWORD}"), 200),
        (basic(f"{USER}:{PASSWORD}").replace("Basic", "basic"), 200),
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        ("", 401),
        (basic(f"{USER}:wrong"), 401),
        (basic(USER), 401),
        (f"Basic {USER}:{PASSWORD[-5:]}", 401),
        ("Basic ====", 401),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer", 401),
        (f"Token {TOKEN}", 401),
    ],
)
def test_metrics_ask_for_a_password_or_a_token(
    authorization: str, status: int, closed: Exporter
) -> None:
    response = closed.get(headers={"Authorization": authorization} if authorization else {})
    assert response.status == status
    assert ("www-authenticate" in response.headers) is (status == 401)
    assert (b"monitoring_merges_total" in response.body) is (status == 200)


def test_probes_ask_for_nothing(closed: Exporter) -> None:
    assert closed.get("/-/healthy").status == closed.get("/-/ready").status == 200


def test_without_tls_there_is_no_answer(closed: Exporter) -> None:
    plain = Exporter(closed.process, closed.port, closed.log)
    with pytest.raises(OSError, match=r"reset|closed|refused"):
        plain.get("/-/healthy")


def test_clients_that_begin_no_tls_hold_up_nobody(closed: Exporter) -> None:
    with contextlib.ExitStack() as open_connections:
        for sent in (b"", b"\x16", b"\x16\x03\x01\x02\x00") * 10:
            client = socket.create_connection(("127.0.0.1", closed.port))
            open_connections.enter_context(client).sendall(sent)
        for _ in range(3):
            assert closed.get("/-/healthy").status == 200


def test_no_secret_is_in_the_log(closed: Exporter) -> None:
    log = closed.log.read_text()
    assert TOKEN not in log
    assert PASSWORD not in log


def test_the_settings_token_and_networks_close_the_exporter_too(tmp_path: Path) -> None:
    env = write_settings(tmp_path, {"SCRAPE_TOKEN": SETTINGS_TOKEN})
    with run_exporter(tmp_path, directory=tmp_path / "metrics", env=env) as exporter:
        assert exporter.get().status == 401
        assert exporter.get(headers={"Authorization": f"Bearer {SETTINGS_TOKEN}"}).status == 200
    env = write_settings(tmp_path, {"SCRAPE_ALLOWED_NETWORKS": ["10.0.0.0/8"]})
    with run_exporter(tmp_path, directory=tmp_path / "metrics", env=env) as exporter:
        assert exporter.get().status == 403
        assert exporter.get("/-/ready").status == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bind", "nonsense"], "--bind nonsense: allowed is HOST:PORT"),
        (["--bind", "127.0.0.1:65536"], "--bind 127.0.0.1:65536: allowed is HOST:PORT"),
        (["--bind", "::1:9464"], "--bind ::1:9464: allowed is HOST:PORT"),
        (["--token-file", "/nowhere"], "--token-file /nowhere: No such file or directory"),
        (["--token-file", "{basic}"], "allowed are ASCII characters"),
        (["--basic-auth-file", "/nowhere"], "--basic-auth-file /nowhere: No such file"),
        (["--basic-auth-file", "{token}"], "allowed is one line USER:PASSWORD"),
        (["--basic-auth-file", "{certificate}"], "allowed is one line"),
        (["--tls-cert", "{certificate}"], "--tls-cert and --tls-key go together"),
        (["--tls-cert", "/nowhere", "--tls-key", "{key}"], "No such file or directory"),
        (["--tls-cert", "{token}", "--tls-key", "{key}"], "allowed are a certificate and its key"),
        (
            ["--tls-cert", "{certificate}", "--tls-key", "{encrypted}"],
            "allowed are a certificate and its key, not encrypted",
        ),
    ],
)
def test_a_bad_option_is_named_with_what_is_allowed(
    arguments: list[str], message: str, files: Files
) -> None:
    names = {name: str(getattr(files, name)) for name in Files.__annotations__}
    with pytest.raises(CommandError) as raised:
        call_command("exporter", *(item.format(**names) for item in arguments))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nonsense", "--bind nonsense: allowed is HOST:PORT"),
        ("127.0.0.1:{used}", "Address already in use; choose another address"),
        ("192.0.2.1:9464", "Cannot assign requested address"),
        ("no-such-host.invalid:9464", "--bind no-such-host.invalid:9464: "),
    ],
)
def test_where_it_cannot_listen_is_one_line_and_no_exporter(
    address: str, message: str, tmp_path: Path
) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        given = address.format(used=used.getsockname()[1])
        assert message in refusal(tmp_path, "--bind", given)


@pytest.mark.parametrize(
    ("monitoring", "message"),
    [
        ({"NO_SUCH": 1}, "MONITORING['NO_SUCH'] is not a setting"),
        ({"COLLECTORS": ["nowhere.Collector"]}, "MONITORING['COLLECTORS'] has 'nowhere.Collector'"),
    ],
)
def test_a_bad_setting_is_one_line_and_no_exporter(
    monitoring: dict[str, object], message: str, tmp_path: Path
) -> None:
    assert message in refusal(tmp_path, env=write_settings(tmp_path, monitoring))


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    os.chmod(tmp_path / "metrics", 0o777)  # noqa: PTH101
    assert "others may write to it" in refusal(tmp_path)


def refusal(work: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """The one line of an exporter that does not start."""
    process = start_exporter(work, *arguments, directory=work / "metrics", env=env)
    assert process.wait(30) == 1
    (line,) = (work / "exporter.log").read_text().splitlines()
    assert line.startswith("CommandError: ")
    return line
