"""docs/metrics.md and docs/settings.md say what the definitions say."""

import json
import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

WRITE = """
import json
from docs.source.references import reference_files
print(json.dumps(reference_files()))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In a process of its own, whose metrics begin with no test's."""
    directory = tmp_path_factory.mktemp("metrics")
    done = subprocess.run(
        [sys.executable, "-c", WRITE],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    files: dict[str, str] = json.loads(done.stdout)
    return files


@pytest.mark.parametrize("name", ["metrics.md", "settings.md"])
def test_a_reference_is_as_generated(name: str, generated: dict[str, str]) -> None:
    assert (ROOT / "docs" / name).read_text() == generated[name], "run `make references`"
