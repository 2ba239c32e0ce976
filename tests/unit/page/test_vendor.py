"""The chart library is the one that was fetched, and all of the page is in the package."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.paths import ROOT

LIBRARY = ROOT / "monitoring/static/multiprocess_exporter/vendor/uplot"


def test_the_library_s_files_are_as_they_were_fetched() -> None:
    lines = (ROOT / "project/vendor/uplot.sha256").read_text().splitlines()
    expected = {name: digest for digest, name in (line.split() for line in lines)}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in LIBRARY.iterdir()}
    assert found == expected
    assert "LICENSE" in found


def test_the_script_that_fetches_names_the_version_that_is_there() -> None:
    script = (ROOT / "project/vendor/fetch_uplot.sh").read_text()
    (version,) = (line[8:] for line in script.splitlines() if line.startswith("version="))
    assert f"(v{version})" in (LIBRARY / "uPlot.iife.min.js").read_text()[:200]


def test_the_wheel_has_the_templates_and_static_files(tmp_path: Path) -> None:
    # In the order of hatchling's own command line; no network, no isolated environment.
    build = "from hatchling.builders.wheel import WheelBuilder; import sys; "
    build += "print(next(WheelBuilder(sys.argv[1]).build(directory=sys.argv[2])))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(ROOT), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = set(zipfile.ZipFile(done.stdout.strip()).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for folder in ("templates", "static")
        for path in (ROOT / "monitoring" / folder).rglob("*")
        if path.is_file()
    }
    assert len(wanted) > 15
    assert wanted <= names
