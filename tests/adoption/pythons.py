"""The Pythons and Djangos that the package supports, and which of the Pythons this machine has."""

import shutil
import subprocess
import sys
from pathlib import Path

# Django 6 needs Python 3.12.
SUPPORTED = {
    "3.11": ("5.2",),
    "3.12": ("5.2", "6.0", "6.1"),
    "3.13": ("5.2", "6.0", "6.1"),
}


def found() -> dict[str, str]:
    """The paths of this machine's Pythons by version, the oldest first."""
    paths = {version: _find(version) for version in SUPPORTED}
    return {version: path for version, path in paths.items() if path}


def not_found() -> list[str]:
    return [version for version in SUPPORTED if version not in found()]


def newest() -> tuple[str, str]:
    """The newest version that is here, and its path."""
    return list(found().items())[-1]


def _find(version: str) -> str | None:
    if version == ".".join(map(str, sys.version_info[:2])):
        return sys.executable
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for path in (shutil.which(f"python{version}"), *map(str, pyenv)):
        if path is not None and _works(path):
            return path
    return None


def _works(path: str) -> bool:
    """pyenv's shims are there for versions that are not chosen, too."""
    asked = [path, "-c", "import ensurepip, sqlite3, ssl, venv"]
    return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0
