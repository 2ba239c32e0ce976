"""The Pythons of this machine that the package says it supports."""

import shutil
import subprocess
import sys
from pathlib import Path

_VERSIONS = ("3.12", "3.13", "3.14")


def pythons() -> dict[str, str]:
    """By version: the one that runs the tests, and the newest other one that works here."""
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for version in reversed(_VERSIONS):
        if len(found) == 1 and version not in found and (path := _find(version)):
            found[version] = path
    return found


def _find(version: str) -> str | None:
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for path in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if path is not None and _works(path):
            return path
    return None


def _works(path: str) -> bool:
    """pyenv's shims are there for versions that are not chosen, too."""
    asked = [path, "-c", "import ensurepip, sqlite3, ssl"]
    return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0
