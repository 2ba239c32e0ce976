"""Generates docs/settings.md from the fields of monitoring.conf.Settings."""

from dataclasses import Field, fields
from typing import Any

from monitoring.conf import Settings

_HEAD = """\
# Settings

All settings of this app, with their defaults. `make references` generates this page from
`monitoring/conf/settings.py`.

The settings are the keys of one dict, `MONITORING = {...}`, in Django's settings. Every key is
optional. `manage.py check` reports an unknown key or an invalid value as an error, and names what
is allowed.

| key | default | |
|---|---|---|
"""

_TAIL = """
## The metrics directory

The environment variable `PROMETHEUS_MULTIPROC_DIR` names the metrics directory. If it is not set,
the directory is in `/dev/shm`, and its name comes from the user and from the directory in which the
process starts. Set the variable when gunicorn, the exporter and Celery start in different
directories. The metrics directory must belong to one host (or one container) and to this project
alone, and only its owner may write to it. `manage.py test` and pytest use a directory of their own.
"""


def settings_reference() -> str:
    rows = (_row(item) for item in sorted(fields(Settings), key=lambda item: item.name))
    return _HEAD + "".join(rows) + _TAIL


def _row(item: "Field[Any]") -> str:
    unit = item.metadata["unit"]
    default = _shown(item.default)
    shown = f"{default} {unit}" if unit and default != "none" else default
    return f"| `{item.name}` | {shown} | {item.metadata['help']} |\n"


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{default}`"
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, int):
        return str(default)
    if not default:
        return "none"
    if isinstance(default, tuple):
        return ", ".join(f"`{part}`" if isinstance(part, str) else _shown(part) for part in default)
    return f"`{default}`"
