"""Compose, image and provisioning agree with each other and with the configurations they mount."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from tests.paths import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = ("migrate", "web", "exporter", "worker", "beat")
# Where a service answers on the network of the others; the exporter uses web's.
PORTS = {
    "web": {"8000", "9464"},
    "postgres": {"5432"},
    "redis": {"6379"},
    "prometheus": {"9090"},
    "alertmanager": {"9093"},
    "grafana": {"3000"},
}


def load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def mounts() -> list[tuple[str, str, str]]:
    """(service, source, target) of every volume that is written as one text."""
    return [
        (name, *volume.split(":")[:2])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", [])
    ]


def test_compose_follows_the_compose_specification() -> None:
    # As JSON: the parser does not know YAML's merge keys, which Compose does.
    parsed = compose_spec.PyCompose.from_json(json.dumps(COMPOSE))
    parsed.validate()
    parsed.to_spec()


def test_every_service_is_there() -> None:
    assert set(SERVICES) == {*OWN, *PORTS}


def test_every_mounted_path_exists_and_every_volume_and_secret_is_declared() -> None:
    for service, source, _ in mounts():
        if source.startswith("."):
            assert (ROOT / source).exists(), (service, source)
        else:
            assert source in COMPOSE["volumes"], (service, source)
    for name, definition in SERVICES.items():
        for secret in definition.get("secrets", []):
            assert secret["source"] in COMPOSE["secrets"], name


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "migrate"])
def test_a_service_has_a_health_check_and_restarts(name: str) -> None:
    service = SERVICES[name]
    # web's own is in the Dockerfile
    assert name == "web" or service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


def test_our_services_are_confined() -> None:
    for name in OWN:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_loopback_is_published() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_metrics_directory_is_one_tmpfs_of_the_images_user() -> None:
    volume = COMPOSE["volumes"]["metrics"]["driver_opts"]
    assert volume["type"] == "tmpfs"
    assert "uid=10001" in volume["o"]
    assert "mode=0700" in volume["o"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "PROMETHEUS_MULTIPROC_DIR=/run/metrics" in dockerfile
    assert "USER 10001" in dockerfile
    for name in ("web", "exporter", "worker", "beat"):
        assert "metrics:/run/metrics" in SERVICES[name]["volumes"]
        # A slot's owner is told by its pid: all must see the same ones.
        assert name == "web" or SERVICES[name]["pid"] == "service:web"


def test_every_host_and_port_is_a_service_of_the_compose_file() -> None:
    texts = {
        "compose.yaml": " ".join(
            str(value)
            for service in SERVICES.values()
            for value in (service.get("environment") or {}).values()
        ),
        **{
            str(path.relative_to(ROOT)): path.read_text()
            for folder in ("prometheus/compose", "grafana/provisioning")
            for path in (ROOT / folder).rglob("*.yml")
        },
    }
    found = [
        (file, host, port)
        for file, text in texts.items()
        for host, port in re.findall(r"""(?:@|//|")([a-z0-9.]+):(\d{4,5})\b""", text)
    ]
    assert len(found) >= 7
    for file, host, port in found:
        if host not in {"0.0.0.0", "localhost"}:
            assert port in PORTS[host], (file, host, port)


def test_prometheus_finds_its_files_where_they_are_mounted() -> None:
    places = {target: source for service, source, target in mounts() if service == "prometheus"}
    configuration = load("prometheus/prometheus.yml")
    assert configuration["rule_files"] == ["rules/*.yml"]
    assert places["/etc/prometheus/rules"] == "./prometheus/rules"
    wanted = {
        name
        for scrape in configuration["scrape_configs"]
        for discovery in scrape["file_sd_configs"]
        for name in discovery["files"]
    }
    for folder in ("prometheus", "prometheus/compose"):
        assert {f"targets/{path.name}" for path in (ROOT / folder / "targets").iterdir()} == wanted
    assert "targets" in places["/etc/prometheus/targets"]


def test_the_two_alertmanager_configurations_differ_only_in_the_sites_address() -> None:
    local = (ROOT / "prometheus/alertmanager.yml").read_text()
    compose = (ROOT / "prometheus/compose/alertmanager.yml").read_text()
    assert compose == local.replace("http://127.0.0.1:8000/", "http://web:8000/")
    secret = SERVICES["alertmanager"]["secrets"][0]["target"]
    assert secret == "/etc/alertmanager/webhook-token"
    assert "credentials_file: webhook-token" in compose


def test_grafana_is_provisioned_from_what_is_mounted() -> None:
    [source] = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert (
        source["jsonData"]["timeInterval"]
        == (load("prometheus/prometheus.yml")["global"]["scrape_interval"])
    )
    [provider] = load("grafana/provisioning/dashboards/django.yml")["providers"]
    places = {target: source for service, source, target in mounts() if service == "grafana"}
    assert places[provider["options"]["path"]] == "./grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "grafana/dashboards" / Path(home).name).exists()


def test_every_variable_that_compose_asks_for_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text()))
    example = (ROOT / ".env.example").read_text()
    assert asked == set(re.findall(r"^(\w+)=$", example, flags=re.MULTILINE))


def test_hadolint_has_no_complaint() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignore[0] == "*"
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source
                assert f"!{source}" in ignore, source
