"""Finds every secret of a configuration, validated or not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import SecretBytes, SecretStr

from sentio.config.adapter import Adapter
from sentio.config.options import Options
from sentio.config.shape import Shape
from sentio.config.tree import Node


def secret_texts(value: object) -> frozenset[str]:
    """The text of every `SecretStr` within validated options, lists and mappings."""
    return frozenset(_within(value))


def _within(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
            yield from _parts(value.get_secret_value())
        case SecretBytes():
            yield value.get_secret_value().decode("utf-8", "replace")
        case Adapter():
            yield from _within(value.options)
        case Options():
            for name in type(value).model_fields:
                yield from _within(getattr(value, name))
        case dict():
            for item in value.values():
                yield from _within(item)
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from _within(item)


_PARTS = re.compile(r"[/:@?&=]+")
_SHORTEST_PART = 10
"""Characters: "services" and "localhost" are no secrets, wherever they stand."""


def _parts(text: str) -> Iterator[str]:
    """Of an address that is a secret what messages of libraries may show by itself: its path, and its tokens."""
    scheme, there, rest = text.partition("://")
    if not there:
        return
    host, _, path = rest.partition("/")
    yield f"/{path}"
    hidden = f"{host}/{path}" if scheme not in ("http", "https") else path
    before, at, _ = host.rpartition("@")
    yield from (part for part in _PARTS.split(hidden) if len(part) >= _SHORTEST_PART)
    yield from _PARTS.split(before) if at else ()


def texts_in_secret_fields(shape: Shape, node: Node) -> frozenset[str]:
    """What was written where a `SecretStr` belongs, in values that may have been refused."""
    return frozenset(_written(shape, node))


def _written(shape: Shape, node: Node) -> Iterator[str]:
    if shape.holds(SecretStr, SecretBytes):
        yield from _leaves(node)
    elif isinstance(node.value, dict):
        for key, below in node.value.items():
            yield from _written(shape.below(key, node), below)
    elif isinstance(node.value, list):
        for i, below in enumerate(node.value):
            yield from _written(shape.below(i, node), below)


def _leaves(node: Node) -> Iterator[str]:
    for one in node.walk():
        yield from one.mapping
        if isinstance(one.value, str | int | float) and not isinstance(one.value, bool):
            yield str(one.value)
