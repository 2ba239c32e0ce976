"""The lines that the README tells a project to add."""

import re
from dataclasses import dataclass

from tests.paths import ROOT

HEADING = "## Use it in your project"


@dataclass(frozen=True)
class Lines:
    """Python for each file; `...` in a list stands for what the project has there."""

    settings: str
    urls: str
    gunicorn: str


def documented_lines() -> Lines:
    """From the first Python block below the heading, which names each file in a comment."""
    text = (ROOT / "README.md").read_text()
    section = text[text.index(HEADING) :]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block is not None
    parts = re.split(r"^# (settings\.py|urls\.py|gunicorn\.conf\.py)\n", block[1], flags=re.M)
    files = dict(zip(parts[1::2], parts[2::2], strict=True))
    return Lines(
        files["settings.py"]
        .replace('"multiprocess_exporter", ...]', '"multiprocess_exporter", *INSTALLED_APPS]')
        .replace(", ...]", ", *MIDDLEWARE]"),
        files["urls.py"].replace(", ...]", ", *urlpatterns]"),
        files["gunicorn.conf.py"],
    )
