"""The documents as text, and what is read out of them: tables, blocks of code, links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Pages = Mapping[str, str]
"""Path from the root of the project → text."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def all_pages() -> dict[str, str]:
    """Every document, every example and every rule."""
    files = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/*"),
        *ROOT.glob("prometheus/rules/*"),
    ]
    return {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in sorted(files) if file.is_file()}


def documents(pages: Pages) -> dict[str, str]:
    return {name: text for name, text in pages.items() if name.endswith(".md")}


def section(text: str, heading: str) -> str:
    """What stands below ``heading`` (with its ``#``), up to the next heading of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    found = re.search(rf"^{re.escape(heading)}$\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every row of every table, but its head."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        head = i + 1 < len(lines) and re.fullmatch(r"\|(-+\|)+", lines[i + 1])
        if line.startswith("|") and not head and not re.fullmatch(r"\|(-+\|)+", line):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def named(text: str) -> dict[str, list[str]]:
    """The rows of a text's tables whose first cell is one name in backquotes: name → the other cells."""
    return {row[0].strip("`"): row[1:] for row in rows(text) if re.fullmatch(r"`[^`]+`", row[0])}


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Language and text of every block of code."""
    for found in _FENCE.finditer(text):
        yield found[1], found[2]


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return _FENCE.sub("", text)


def code(text: str) -> Iterator[str]:
    """Every line of every block, and everything in backquotes."""
    for _, block in blocks(text):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", prose(text))


def links(text: str) -> Iterator[str]:
    """The target of every link and picture."""
    for found in re.finditer(r"\]\(([^)\s]+)\)", prose(text)):
        yield found[1]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
