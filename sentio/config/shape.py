"""What pydantic's models say may stand at a place of a configuration that does not validate."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from sentio.config.adapter import Adapter
from sentio.config.options import Options
from sentio.config.tree import Node


@dataclass(frozen=True)
class Shape:
    """The types that a value may have: several where a model says so."""

    types: tuple[Any, ...]

    @classmethod
    def of(cls, annotation: Any) -> Shape:
        """From a model's annotation, with unions taken apart."""
        return cls(tuple(_arms(annotation)))

    def below(self, part: str | int, node: Node | None) -> Shape:
        """The shape of one entry of ``node``; an empty one where nothing is known."""
        return Shape(tuple(arm for one in self.types for arm in _below(one, part, node)))

    def keys(self, node: Node | None) -> tuple[str, ...]:
        """The names that the entries of ``node``, a mapping, may have; none where every name is good."""
        return tuple(sorted({key for one in self.types for key in _keys(one, node)}))

    def deeper(self, name: str, node: Node | None) -> tuple[str, ...]:
        """The paths of the keys called ``name`` that mappings right below ``node`` may have."""
        below = ((key, self.below(key, node), node.child(key) if node else None) for key in self.keys(node))
        return tuple(f"{key}.{name}" for key, shape, child in below if name in shape.keys(child))

    def holds(self, *kinds: type) -> bool:
        """Whether the value itself may be one of ``kinds``."""
        return any(isinstance(one, type) and issubclass(one, kinds) for one in self.types)


def _arms(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _arms(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arm in get_args(annotation):
            yield from _arms(arm)
    else:
        yield annotation


def _below(one: Any, part: str | int, node: Node | None) -> Iterator[Any]:
    if isinstance(one, type) and issubclass(one, Adapter) and part == "type":
        yield str
        return
    model = _model(one, node)
    origin, args = get_origin(one), get_args(one)
    if model is not None:
        field = _fields(model).get(str(part))
        if field is not None:
            yield from _arms(field.annotation)
    elif isinstance(origin, type) and issubclass(origin, dict) and isinstance(part, str):
        yield from _arms(args[1])
    elif isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        for arg in args:
            if arg is not ...:
                yield from _arms(arg)


def _keys(one: Any, node: Node | None) -> tuple[str, ...]:
    model = _model(one, node)
    if model is None:
        return ()
    of_adapter = isinstance(one, type) and issubclass(one, Adapter)
    return (*_fields(model), "type") if of_adapter else tuple(_fields(model))


def _fields(model: type[Options]) -> dict[str, FieldInfo]:
    """By the names that a file uses: a key that is a word of Python's has another name in the model."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model(one: Any, node: Node | None) -> type[Options] | None:
    """The model that judges ``node`` where ``one`` is expected: for an adapter, the options of its type."""
    if not isinstance(one, type):
        return None
    if issubclass(one, Options):
        return one
    if issubclass(one, Adapter) and node is not None:
        named = node.child("type")
        try:
            return one.chosen({} if named is None else {"type": named.plain()})[1]
        except ValidationError:
            return None  # an unknown type has no shape; that is a problem of its own
    return None
