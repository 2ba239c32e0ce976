"""Joins the status page's modules into one script.

Storages that rename static files by their content, and keep no others, do not rename what a module
imports. A script that imports nothing works with each of them, and under `default-src 'self'`.
"""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parents[1] / "static/multiprocess_exporter/status/status.js"
MAIN = "status.js"

_IMPORT = re.compile(r'^import \{ ([\w, ]+) \} from "\./(\w+\.js)";\n', re.MULTILINE)
_NAMED = re.compile(
    r"^(?P<export>export )?(?:async )?(?:const|let|class|function\*?) (?P<name>\w+)", re.MULTILINE
)
_HEAD = "// Generated from monitoring/page/source/ by `make page`.\n"


class NotBundledError(Exception):
    """The modules use more of JavaScript's imports than this tool knows."""


def bundled(folder: Path = HERE, main: str = MAIN) -> str:
    """`main` and what it imports, each module after those that it needs, in one scope."""
    parts = {name: _Module(name, (folder / name).read_text()) for name in _in_order(folder, main)}
    owners: dict[str, str] = {}
    for file, module in parts.items():
        for name in module.names:
            if owners.setdefault(name, file) != file:
                raise NotBundledError(f"{name} is in {owners[name]} and in {file}")
        for name, source in module.imports:
            if name not in parts[source].exports:
                raise NotBundledError(f"{file} imports {name}, which {source} does not export")
    return _HEAD + "".join(f"\n// {name}\n{module.body}" for name, module in parts.items())


class _Module:
    """One file: what it names, exports and imports, and its text without either word."""

    def __init__(self, file: str, text: str) -> None:
        found = list(_NAMED.finditer(text))
        self.names = {match["name"] for match in found}
        self.exports = {match["name"] for match in found if match["export"]}
        self.imports = [
            (name, match[2]) for match in _IMPORT.finditer(text) for name in match[1].split(", ")
        ]
        self.body = re.sub(r"^export (?=async|const|let|class|function)", "", text, flags=re.M)
        self.body = _IMPORT.sub("", self.body).replace("\n\n\n", "\n\n")
        if other := re.search(r"^\s*(import|export)\b.*|\bimport\(.*", self.body, re.MULTILINE):
            raise NotBundledError(f"{file}: {other[0].strip()}")


def _in_order(folder: Path, main: str) -> list[str]:
    """The files that `main` needs, each after its own imports."""
    done: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise NotBundledError(f"a circle of imports: {' → '.join((*above, name))}")
        if name in done:
            return
        for match in _IMPORT.finditer((folder / name).read_text()):
            visit(match[2], (*above, name))
        done.append(name)

    visit(main, ())
    return done
