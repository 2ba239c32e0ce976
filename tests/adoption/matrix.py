"""`make test-matrix`: unit tests and adoption on each supported Python with each Django.

Each pair has two environments of its own, without our constraints: one in which hosts use the
wheel, and one with what the unit tests need. What this machine has no Python for is told.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.adoption import pythons
from tests.adoption.host import build_wheel, run
from tests.paths import ROOT

_UNIT = ["-n", "2", "--dist=loadfile", "tests/unit"]
_ADOPTION = ["tests/adoption", "--ignore=tests/adoption/test_newest_pair.py"]
_PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]


def main() -> int:
    wanted = sys.argv[1:]  # such as 3.12-6.0; none: all
    results = {}
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        wheel = build_wheel(Path(folder))
        for version, python in pythons.found().items():
            for django in pythons.SUPPORTED[version]:
                name = f"{version}-{django}"
                if not wanted or name in wanted:
                    print(f"== Python {version}, Django {django}", flush=True)
                    results[name] = _try_pair(Path(folder) / name, python, django, wheel)
    for name, failed in results.items():
        print(f"{name}: {'failed: ' + ', '.join(failed) if failed else 'passed'}")
    for version in pythons.not_found():
        print(f"{version}: not tried, this machine has no such Python")
    return 1 if any(results.values()) or not results else 0


def _try_pair(work: Path, python: str, django: str, wheel: Path) -> list[str]:
    """What failed of it."""
    work.mkdir()
    ours = work / "unit"
    run([python, "-m", "venv", str(ours)], work)
    install = [str(ours / "bin/pip"), "install", "--quiet", "--no-compile"]
    pip = [*install, f"{wheel}[test]", f"django=={django}.*"]
    steps = {
        "install": (pip, {}),
        "unit tests": ([str(ours / "bin/python"), *_PYTEST, *_UNIT], {}),
        "adoption": (
            [sys.executable, *_PYTEST, *_ADOPTION],
            {"MATRIX_PYTHON": python, "MATRIX_DJANGO": django},
        ),
    }
    return [name for name, (command, more) in steps.items() if not _succeeds(command, more)]


def _succeeds(command: list[str], more: dict[str, str]) -> bool:
    return (
        subprocess.run(command, cwd=ROOT, env={**os.environ, **more}, check=False).returncode == 0
    )


if __name__ == "__main__":
    sys.exit(main())
