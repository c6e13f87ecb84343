"""One YAML file into a tree of nodes, with a line for every problem.

PyYAML composes; what it composed is turned into values here, because its own constructors forget the lines,
let a later duplicate key win, and take ``no`` for false, ``010`` for 8 and ``1:30`` for 90. Scalars are those
of YAML 1.2: true, false, null, decimal numbers, and text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from sentio.config.misfit import kind
from sentio.config.tags import SECRETS, SecretError
from sentio.config.tree import DOCUMENT, Node, Place, Problem, Scalar, join

MAX_BYTES = 4 * 2**20
"""Of one file. PyYAML needs about a second for each 100 KB."""

MAX_DEPTH = 40
"""Mappings and lists inside one another; a configuration needs eight."""

MAX_VALUES = 100_000
"""Of one file, with every alias written out: nine aliases of nine aliases make billions of a few lines."""

_TOO_DEEP = f"has more than {MAX_DEPTH} levels; a configuration with fewer is expected"

_UNKNOWN_TAG = "has a tag that is not known; !env or !file is expected, and quotes round text that starts with !"

_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's composer with the scalars of YAML 1.2, and a limit on the depth."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
):
    _Composer.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


class YamlFile:
    """Reads one file; ``problems`` grows as it goes.

    ``name`` is the file as messages call it, ``environ`` where ``!env`` looks, ``holds`` what a file is expected to
    have.
    """

    def __init__(self, name: str, environ: Mapping[str, str], holds: str = "sources and pipelines") -> None:
        self.name = name
        self._wanted = f"a mapping with {holds} is expected"
        self.problems: list[Problem] = []
        self._environ = environ
        self._folder = Path(name).parent
        self._left = MAX_VALUES
        self._open: list[yaml.Node] = []

    def read(self, data: bytes) -> Node | None:
        """The tree; None when there is none that anything could be said about."""
        root = self._compose(data)
        if root is None:
            return None
        node = self._node(root, "", Place(self.name, 1))
        if self._left < 0:
            self._say(1, DOCUMENT, f"grows to more than {MAX_VALUES} values when its aliases are written out")
            return None
        if not isinstance(node.value, dict):
            found = kind(node.value)
            self._say(root.start_mark.line + 1 if root.value else 1, DOCUMENT, f"is {found}; {self._wanted}")
            return None
        return node

    def _say(self, line: int, path: str, text: str) -> None:
        self.problems.append(Problem(Place(self.name, line), path, text))

    def _compose(self, data: bytes) -> yaml.Node | None:
        """What PyYAML makes of the bytes, None after a problem."""
        if len(data) > MAX_BYTES:
            self._say(1, DOCUMENT, f"has more than {MAX_BYTES} bytes; a smaller file is expected")
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._say(line, DOCUMENT, "is not UTF-8; text in UTF-8 is expected")
            return None
        try:
            composer = _Composer(text)
            root = composer.get_node() if composer.check_node() else None
            second = composer.check_node()
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            self._say(line, DOCUMENT, "has a control character; printable text is expected")
            return None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._say(mark.line + 1 if mark else 1, DOCUMENT, _syntax(error))
            return None
        if root is None:
            self._say(1, DOCUMENT, f"is empty; {self._wanted}")
        elif second:
            line = composer.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]  # untyped stubs
            self._say(line, DOCUMENT, "starts a second document; one document a file is expected")
            return None
        return root

    def _node(self, node: yaml.Node, path: str, key: Place) -> Node:
        """A composed node, and all below it, as a `Node`."""
        self._left -= 1
        here = Place(self.name, node.start_mark.line + 1)
        if self._left < 0:
            return Node(None, here, path, key, broken=True)
        if node in self._open:
            return self._broken(here, path, key, "holds itself; a value without a loop is expected")
        if len(self._open) > MAX_DEPTH:  # aliases within aliases; what is written is counted by the composer
            return self._broken(here, path, key, _TOO_DEEP)
        if node.tag in SECRETS:
            return self._secret(node, path, here, key)
        if not node.tag.startswith(_TAG):
            # Neither the tag nor the value is quoted: a password that starts with ! looks like a tag.
            return self._broken(here, path, key, _UNKNOWN_TAG)
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, here, key)
        self._open.append(node)
        value: dict[str, Node] | list[Node]
        if isinstance(node, MappingNode):
            value = self._mapping(node, path)
        else:
            value = [
                self._node(item, join(path, i), Place(self.name, item.start_mark.line + 1))
                for i, item in enumerate(node.value)
            ]
        self._open.pop()
        return Node(value, key, path, key)

    def _broken(self, here: Place, path: str, key: Place, text: str) -> Node:
        self._say(here.line, path or DOCUMENT, text)
        return Node(None, here, path, key, broken=True)

    def _mapping(self, node: MappingNode, path: str) -> dict[str, Node]:
        """The entries, merged ones after the mapping's own, as YAML's merge key says."""
        own: dict[str, Node] = {}
        lines: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or not key.tag.startswith(_TAG):
                self._say(line, path or DOCUMENT, "has a key that is not plain text; a name is expected")
                continue
            if key.value in lines:
                first = f"first on line {lines[key.value]}"
                self._say(line, join(path, key.value), f"is there twice, {first}; one of the two is expected")
                continue
            lines[key.value] = line
            if key.tag == _MERGE:
                merged = value.value if isinstance(value, SequenceNode) else [value]
            else:
                own[key.value] = self._node(value, join(path, key.value), Place(self.name, line))
        for base in merged:
            self._left -= 1  # merges of merges grow as aliases do
            if self._left < 0 or len(self._open) > MAX_DEPTH:
                break
            if not isinstance(base, MappingNode) or base in self._open:
                line = base.start_mark.line + 1
                self._say(line, join(path, "<<"), "is no mapping to merge; *anchor of a mapping is expected")
                continue
            self._open.append(base)
            for name, entry in self._mapping(base, path).items():
                own.setdefault(name, entry)
            self._open.pop()
        return own

    def _secret(self, node: yaml.Node, path: str, here: Place, key: Place) -> Node:
        if not isinstance(node, ScalarNode) or not node.value:
            return self._broken(here, path, key, f"is {node.tag} without a name; {node.tag} NAME is expected")
        try:
            text = SECRETS[node.tag](node.value, self._environ, self._folder)
        except SecretError as error:
            return self._broken(here, path, key, str(error))
        if not _encodable(text):
            return self._broken(here, path, key, "is a secret that is not UTF-8; text in UTF-8 is expected")
        return Node(text, here, path, key, secret=True)

    def _scalar(self, node: ScalarNode, path: str, here: Place, key: Place) -> Node:
        try:
            value = _value(node.tag.removeprefix(_TAG), node.value)
        except ValueError:
            return self._broken(here, path, key, "does not fit its tag; a value that fits is expected")
        if isinstance(value, str) and not _encodable(value):
            return self._broken(here, path, key, "has half a character (\\ud800); whole ones are expected")
        return Node(value, here, path, key)


def _value(tag: str, text: str) -> Scalar:
    """Raises `ValueError` when the text is not what its tag says, as a written-out tag may be, and for a
    number of thousands of digits."""
    match tag:
        case "null":
            return None
        case "bool":
            if text.lower() not in ("true", "false"):
                raise ValueError("bool")
            return text.lower() == "true"
        case "int":
            return int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case "str":
            return text
    raise ValueError(tag)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


_SYNTAX = (
    (r"scanning a tag|parsing a node", _UNKNOWN_TAG),
    (r"'\\t'", "has a tab where only spaces can stand; spaces are expected"),
    (
        r"mapping values are not allowed",
        "has ': ' where no key can be; quotes round text with ': ' are expected",
    ),
    (r"could not find expected ':'", "has a line without ': '; key: value is expected"),
    (r"undefined alias", "has a * that names no anchor before it; &name earlier, or quotes, are expected"),
    (r"duplicate anchor", "has an anchor that is there twice; a name of its own for each is expected"),
    (r"cannot start any token", "has a value that starts with %, @ or `; quotes round it are expected"),
    (r"end of stream|<stream end>", "ends within quotes or brackets; they are expected to be closed"),
    (
        r"<block end>, but found '(<scalar>|\[|\{)'|block scalar|unknown escape|(sequence entries|mapping keys) are",
        "has text that YAML takes for signs of its own; '…' round all of it, with '' for each ' in it, is expected",
    ),
    (r"expected <block end>|expected block end", "is indented unevenly; entries in one column are expected"),
    (
        r"expected ',' or",
        "has brackets that are not closed, lacks a comma, or has text with brackets; "
        "[a, b], {a: b}, or quotes round the text, are expected",
    ),
    (_TOO_DEEP, _TOO_DEEP),
)
"""What PyYAML says → what we say. Its own text may quote the file, and with it a password."""

_UNEVEN = "is indented unevenly; entries in one column are expected"
_NO_KEY = "mapping values are not allowed"


def _syntax(error: yaml.MarkedYAMLError) -> str:
    said = f"{error.problem or ''} {error.context or ''}"
    if _NO_KEY in said and _first_colon(error.problem_mark):
        return _UNEVEN
    for pattern, text in _SYNTAX:
        if re.search(pattern, said):
            return text
    return "is not YAML; valid YAML is expected"


def _first_colon(mark: yaml.Mark | None) -> bool:
    """Whether the one that PyYAML stopped at is its line's first, and so the key of an entry that stands too far
    right: a second one is within the text of a value."""
    if mark is None or mark.buffer is None:
        return False
    before = mark.buffer[: mark.pointer].rpartition("\n")[2]
    return ": " not in before
