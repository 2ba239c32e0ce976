"""Prometheus and Alertmanager for `make run`, with this repository's files, where installed."""

import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from project.environment import BASE_DIR

_FILES = BASE_DIR / "prometheus"
_SITE_IN_FILES = "http://127.0.0.1:8000/"
_RETENTION = "512MB"


@dataclass(frozen=True, slots=True)
class Watcher:
    """A server that watches the site: its command, and where it answers."""

    name: str
    command: list[str]
    url: str


def prepare(directory: Path, site: str, exporter: str) -> list[Watcher]:
    """The watchers whose programs are on PATH, each with its configuration under `directory`.

    `site` and `exporter` are HOST:PORT where this machine reaches them. Each watcher listens on its
    own usual port, or on a free one if that is taken. Without Alertmanager there is Prometheus
    alone, without Prometheus none.
    """
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        return []
    directory = directory.absolute()
    watchers = []
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    addresses = {"django": exporter, "prometheus": _address(9090)}
    if alertmanager is not None:
        addresses["alertmanager"] = _address(9093)
        watchers.append(
            _alertmanager(alertmanager, directory / "alertmanager", addresses["alertmanager"], site)
        )
    watchers.insert(0, _prometheus(prometheus, directory / "prometheus", addresses))
    return watchers


def webhook_token(directory: Path) -> str:
    """The secret between Alertmanager and the site: made once, for this user's eyes only."""
    path = directory / "alertmanager" / "webhook-token"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def _prometheus(program: str, directory: Path, addresses: dict[str, str]) -> Watcher:
    targets = directory / "targets"
    targets.mkdir(parents=True, exist_ok=True)
    for name in ("django", "prometheus", "alertmanager"):
        # JSON is YAML; a file without targets is what Prometheus takes for none.
        address = addresses.get(name)
        (targets / f"{name}.yml").write_text(f'[{{"targets": ["{address}"]}}]' if address else "[]")
    configuration = directory / "prometheus.yml"
    shutil.copyfile(_FILES / "prometheus.yml", configuration)
    rules = directory / "rules"
    rules.unlink(missing_ok=True)
    rules.symlink_to(_FILES / "rules")
    address = addresses["prometheus"]
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--storage.tsdb.retention.size={_RETENTION}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    return Watcher("prometheus", command, f"http://{address}")


def _alertmanager(program: str, directory: Path, address: str, site: str) -> Watcher:
    webhook_token(directory.parent)
    configuration = directory / "alertmanager.yml"
    text = (_FILES / "alertmanager.yml").read_text()
    configuration.write_text(text.replace(_SITE_IN_FILES, f"http://{site}/"))
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    return Watcher("alertmanager", command, f"http://{address}")


def _address(usual_port: int) -> str:
    """The usual port on the loopback; Debian's own service may have it: then a free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", usual_port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
