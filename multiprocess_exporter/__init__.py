"""Stops where a project's own top-level package `monitoring` hides this distribution's.

Python takes the first package of a name on its path, and a project's folder comes first. So nothing
of ours would run to tell, but for this package, which no project has a name for.
"""

import sys
from pathlib import Path

__all__ = ["HiddenPackageError", "require_own_package"]

_OURS = Path(__file__).resolve().parents[1] / "monitoring" / "__init__.py"


class HiddenPackageError(ImportError):
    """Another package `monitoring` is imported in place of ours."""


def require_own_package() -> None:
    """Raises HiddenPackageError, with what to do, if `monitoring` is not ours."""
    for folder in sys.path:
        for file in ("monitoring/__init__.py", "monitoring.py"):
            found = Path(folder, file)
            if found.is_file():
                if found.resolve() == _OURS:
                    return
                raise HiddenPackageError(
                    f"{found} hides the package 'monitoring' of django-multiprocess-exporter, "
                    "which has the same name. Rename it, or move it into a package of your own: "
                    "an app 'apps.monitoring' with the label 'monitoring' is no problem."
                )
