"""The systemd units and Kubernetes manifests of the documents: valid, and right for this app."""

import configparser
import re
from pathlib import Path
from typing import Any

import yaml

from tests.artefacts.documents import documents, said_by
from tests.servers.prometheus import program


def units() -> dict[str, str]:
    """The systemd units of the documents by their file's name, which is in their first line."""
    blocks = [code for page in documents().values() for kind, code in page.blocks if kind == "ini"]
    return {
        found[1]: code
        for code in blocks
        if (found := re.match(r"# /etc/systemd/system/([\w-]+\.\w+)", code))
    }


def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    """With programs and a user that are there: systemd asks for them."""
    assert len(units()) > 2
    for name, code in units().items():
        there = re.sub(r"/srv/mysite/\.venv/bin/\w+", "/bin/true", code)
        (tmp_path / name).write_text(there.replace("User=mysite", "User=root"))
    paths = sorted(tmp_path.iterdir())
    _, said = said_by(program("systemd-analyze"), "verify", *paths)
    # It looks at what the units need as well, which is the host's and not ours.
    assert [line for line in said.splitlines() if any(path.name in line for path in paths)] == []


def test_the_units_share_the_user_and_a_directory_that_outlives_each_of_them() -> None:
    shared: list[dict[str, str]] = []
    for code in units().values():
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(code)
        service = parser["Service"]
        wanted = ("User", "WorkingDirectory", "Environment", "RuntimeDirectory")
        shared.append({key: service[key] for key in wanted})
        assert service["RuntimeDirectoryMode"] == "0700"
        assert service["RuntimeDirectoryPreserve"] == "yes"
    assert all(each == shared[0] for each in shared)
    directory = shared[0]["RuntimeDirectory"]
    assert shared[0]["Environment"] == f"PROMETHEUS_MULTIPROC_DIR=/run/{directory}"


def manifests() -> list[dict[str, Any]]:
    found = [
        manifest
        for kind, code in documents()["docs/deployment.md"].blocks
        if kind == "yaml"
        for manifest in yaml.safe_load_all(code)
    ]
    return [manifest for manifest in found if "kind" in manifest]


def test_the_pods_containers_share_the_directory_and_the_processes() -> None:
    [deployment] = [each for each in manifests() if each["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["shareProcessNamespace"] is True
    [volume] = pod["volumes"]
    assert volume["emptyDir"]["medium"] == "Memory"
    for container in pod["containers"]:
        [mount] = container["volumeMounts"]
        assert mount["name"] == volume["name"]
        [variable] = container["env"]
        # Below the mount, which everybody may write to.
        assert variable["name"] == "PROMETHEUS_MULTIPROC_DIR"
        assert Path(variable["value"]).parent == Path(mount["mountPath"])


def test_monitors_select_the_pods_and_a_port_that_they_have() -> None:
    by_kind = {each["kind"]: each for each in manifests()}
    template = by_kind["Deployment"]["spec"]["template"]
    labels = template["metadata"]["labels"]
    ports = {
        port["name"]: port["containerPort"]
        for container in template["spec"]["containers"]
        for port in container["ports"]
    }
    [endpoint] = by_kind["PodMonitor"]["spec"]["podMetricsEndpoints"]
    assert by_kind["PodMonitor"]["spec"]["selector"]["matchLabels"] == labels
    assert endpoint["port"] in ports
    service = by_kind["Service"]
    assert service["spec"]["selector"] == labels
    [port] = service["spec"]["ports"]
    assert ports[port["targetPort"]] == port["port"]
    monitor = by_kind["ServiceMonitor"]["spec"]
    assert monitor["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert monitor["endpoints"][0]["port"] == port["name"]
