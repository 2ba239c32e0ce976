"""Configures Prometheus and Alertmanager for `make run`, if installed, with our own files."""

import json
import shutil
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from project.environment import BASE_DIR, Address

_FILES = BASE_DIR / "prometheus"
_SITE_IN_FILES = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Watcher:
    """A server that watches the site: its command, and where it listens."""

    name: str
    command: list[str]
    address: Address


def prepare(directory: Path, site: str, exporter: str, token: str) -> list[Watcher]:
    """The watchers whose programs are on PATH, each with its configuration under `directory`.

    `site` and `exporter` are the URLs where this machine reaches them; `token` is what the site's
    webhook asks for. Each watcher listens on its own usual port, or on a free one if that is taken.
    Without Prometheus there are no watchers.
    """
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        return []
    # The site and the exporter will use these ports, even if they do not listen yet.
    reserved = {urlsplit(site).port, urlsplit(exporter).port}
    addresses = {"prometheus": _address(9090, reserved)}
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if alertmanager is not None:
        addresses["alertmanager"] = _address(9093, reserved)
    watchers = [_prometheus(prometheus, directory / "prometheus", exporter, addresses)]
    if alertmanager is not None:
        directory = directory / "alertmanager"
        watchers.append(
            _alertmanager(alertmanager, directory, addresses["alertmanager"], site, token)
        )
    return watchers


def _prometheus(
    program: str, directory: Path, exporter: str, addresses: dict[str, Address]
) -> Watcher:
    found = {name: [str(address)] for name, address in addresses.items()}
    targets = directory / "targets"
    targets.mkdir(parents=True)
    for name, listed in {
        "alertmanager": [],
        "django": [urlsplit(exporter).netloc],
        **found,
    }.items():
        # JSON is YAML as well.
        (targets / f"{name}.yml").write_text(json.dumps([{"targets": listed}]))
    configuration = directory / "prometheus.yml"
    shutil.copyfile(_FILES / "prometheus.yml", configuration)
    (directory / "rules").symlink_to(_FILES / "rules")
    address = addresses["prometheus"]
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    return Watcher("prometheus", command, address)


def _alertmanager(
    program: str, directory: Path, address: Address, site: str, token: str
) -> Watcher:
    directory.mkdir(parents=True)
    secret = directory / "webhook-token"
    secret.touch(mode=0o600)
    secret.write_text(token)
    configuration = directory / "alertmanager.yml"
    text = (_FILES / "alertmanager.yml").read_text()
    configuration.write_text(text.replace(_SITE_IN_FILES, site))
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    return Watcher("alertmanager", command, address)


def _address(usual_port: int, reserved: Collection[int | None]) -> Address:
    """Loopback with the usual port, or a free one if it is taken (by Debian's own service)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 0 if usual_port in reserved else usual_port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return Address("", "127.0.0.1", probe.getsockname()[1])
