"""A real Prometheus that scrapes what it is told to."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.gunicorn import SCRAPE
from tests.servers.ports import free_port, wait_for


def program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: run `make test`, which installs it"
    return path


@dataclass
class Prometheus:
    """A running Prometheus; `url` is its HTTP API's."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The vector of an instant query: dicts with `metric` and `value`."""
        data = self.call("query", query=expression)
        return list(data["result"])

    def call(self, path: str, **parameters: str) -> Any:
        """The `data` of the answer."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=10) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """Of the last and next ten minutes: dicts with `seriesLabels` and `exemplars`."""
        start, end = str(time.time() - 600), str(time.time() + 600)
        return list(self.call("query_exemplars", query=expression, start=start, end=end))

    def value(self, expression: str) -> float | None:
        """The one value of an instant query; None while there is none."""
        result = self.query(expression)
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def last_error(self) -> str:
        return "".join(str(target["lastError"]) for target in self.call("targets")["activeTargets"])


@contextlib.contextmanager
def run_prometheus(
    work: Path, targets: list[str], *arguments: str, path: str = SCRAPE, rules: str = ""
) -> Iterator[Prometheus]:
    """Scrapes `path` of the targets each second; `rules` is a glob of rule files."""
    work.mkdir(parents=True, exist_ok=True)
    port = free_port()
    configuration = work / "prometheus.yml"
    configuration.write_text(
        json.dumps(
            {
                "global": {
                    "scrape_interval": "1s",
                    "scrape_timeout": "1s",
                    "evaluation_interval": "1s",
                },
                "rule_files": [rules] if rules else [],
                "scrape_configs": [
                    {
                        "job_name": "django",
                        "metrics_path": path,
                        "static_configs": [{"targets": targets}],
                    }
                ],
            }
        )
    )
    log = work / "prometheus.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={work / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                *arguments,
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        wait_for(f"Prometheus ({log})", lambda: prometheus.query("vector(1)"))
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)
