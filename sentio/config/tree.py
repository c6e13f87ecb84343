"""A configuration before it is validated: plain values that know where they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sentio.config.misfit import Loc

Scalar = str | int | float | bool | None

DOCUMENT = "document"
"""The path of what has none: a whole file."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_:-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file. Line 0 is no line: the environment has none."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one place, and what would be right."""

    place: Place
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: {self.text}"


@dataclass(frozen=True, slots=True)
class Node:
    """One value, with the place and the YAML path where it was written.

    The place of a mapping or a list is its key's, where a reader looks for it; ``key`` is the place of the
    key. ``secret``: it came from ``!env`` or ``!file``. ``broken``: a problem with it has been told already.
    """

    value: Scalar | dict[str, Node] | list[Node]
    place: Place
    path: str
    key: Place
    secret: bool = False
    broken: bool = False

    @property
    def mapping(self) -> dict[str, Node]:
        """Its entries; none when it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    def child(self, part: str | int) -> Node | None:
        """The entry of a mapping, or the item of a list."""
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None

    def plain(self) -> object:
        """The values alone, as JSON knows them."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        if isinstance(self.value, dict | list):
            below = self.value.values() if isinstance(self.value, dict) else self.value
            for node in below:
                yield from node.walk()


def join(path: str, part: str | int) -> str:
    """The YAML path of an entry: ``a.b``, ``a[0]``, and ``a."b.c"`` where the key would be misread."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    name = part if _PLAIN_KEY.fullmatch(part) else '"' + "".join(_escaped(c) for c in part) + '"'
    return f"{path}.{name}" if path else name


def path_of(loc: Loc) -> str:
    path = ""
    for part in loc:
        path = join(path, part)
    return path


def merge(under: Node, over: Node) -> Node:
    """``over`` with what only ``under`` has added, mapping by mapping.

    Adapter blocks of different types share nothing: the options of one mean nothing to the other.
    """
    if not (isinstance(under.value, dict) and isinstance(over.value, dict)):
        return over
    types = [block["type"].value for block in (under.value, over.value) if "type" in block]
    if len(types) == 2 and types[0] != types[1]:
        return over
    merged = dict(under.value)
    for key, node in over.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return replace(over, value=merged)


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else char.encode("unicode_escape").decode()
