"""The Markdown files, and what is in them: links, anchors, blocks of code, names, tables."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.paths import ROOT

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:\A|\n)\n((?: {4}.*\n|\n)+)")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+(?:\([^()\s]*\))?)\)")
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_NOT_OURS = {"node_modules", "build", "dist", "var"}


@dataclass(frozen=True)
class Document:
    """A Markdown file; `name` is its path in the repository."""

    name: str
    text: str

    @property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _INDENTED.sub("\n\n", _FENCE.sub("", self.text))

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """(language, code) of each fenced block."""
        return [(language, code) for _, language, code in _FENCE.findall(self.text)]

    @property
    def commands(self) -> list[str]:
        """Code that a reader may copy: inline, indented and fenced."""
        indented = [line.strip() for code in _INDENTED.findall(self.text) for line in _lines(code)]
        fenced = [line.strip() for _, code in self.blocks for line in _lines(code)]
        return [*self.inline, *indented, *fenced]

    @property
    def inline(self) -> list[str]:
        return [" ".join(code.split()) for code in _CODE.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_CODE.sub("", self.prose))

    @property
    def anchors(self) -> set[str]:
        """What GitHub makes of the headings: small letters, hyphens, a number for the next one."""
        seen: Counter[str] = Counter()
        found = set()
        for heading in re.findall(r"^#{1,6} +(.+?) *$", self.prose, re.MULTILINE):
            plain = _LINK.sub(lambda link: link[0][1:].partition("]")[0], heading)
            anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
            found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
        return found

    def cells(self, title: str) -> Iterator[str]:
        """The cells of every table's columns whose title is this."""
        columns: list[int] | None = None
        for line in self.prose.splitlines():
            if not line.startswith("|"):
                columns = None
                continue
            row = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if columns is None:
                columns = [number for number, cell in enumerate(row) if cell == title]
            elif not set("".join(row)) <= set("-: "):
                yield from (row[number] for number in columns)


def _lines(code: str) -> list[str]:
    return [line for line in code.splitlines() if line.strip()]


@cache
def documents() -> dict[str, Document]:
    """Every Markdown file of the repository, by its path."""
    return {
        str(path.relative_to(ROOT)): Document(str(path.relative_to(ROOT)), path.read_text())
        for path in sorted(ROOT.rglob("*.md"))
        if not any(_is_not_ours(part) for part in path.relative_to(ROOT).parts)
    }


def code_in(cell: str) -> list[str]:
    return _CODE.findall(cell)


def _is_not_ours(part: str) -> bool:
    return part.startswith(".") or part in _NOT_OURS


def target_of(document: Document, link: str) -> tuple[Path, str]:
    """The file that a relative link leads to, and the anchor in it."""
    path, _, anchor = link.partition("#")
    place = (ROOT / document.name).parent / path if path else ROOT / document.name
    return place.resolve(), anchor


def said_by(*command: str | Path) -> tuple[int, str]:
    """The exit status of a checker, and all it said."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr
