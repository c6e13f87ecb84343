"""Finds every secret of a configuration, validated or not."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretBytes, SecretStr

from sentio.config.adapter import Adapter
from sentio.config.options import Options
from sentio.config.shape import Shape


def secret_texts(value: object) -> frozenset[str]:
    """The text of every `SecretStr` within validated options, lists and mappings."""
    return frozenset(_within(value))


def _within(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
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


def texts_in_secret_fields(shape: Shape, value: object) -> frozenset[str]:
    """What was written where a `SecretStr` belongs, in values that may have been refused."""
    return frozenset(_written(shape, value))


def _written(shape: Shape, value: object) -> Iterator[str]:
    if shape.holds(SecretStr, SecretBytes):
        yield from _leaves(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _written(shape.below(key, value), item)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _written(shape.below(i, value), item)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)
