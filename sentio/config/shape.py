"""What pydantic's models say may stand at a place of a configuration that does not validate."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from sentio.config.adapter import Adapter
from sentio.config.misfit import Loc
from sentio.config.options import Options


@dataclass(frozen=True)
class Shape:
    """The types that a value may have: several where a model says so."""

    types: tuple[Any, ...]

    @classmethod
    def of(cls, annotation: Any) -> Shape:
        """From a model's annotation, with unions taken apart."""
        return cls(tuple(_arms(annotation)))

    def at(self, loc: Loc, value: object) -> Shape:
        """The shape of what is at ``loc`` below ``value``, itself of this shape."""
        shape = self
        for part in loc:
            shape = shape.below(part, value)
            value = _entry(value, part)
        return shape

    def below(self, part: str | int, value: object) -> Shape:
        """The shape of one entry of ``value``; an empty one where nothing is known."""
        return Shape(tuple(arm for one in self.types for arm in _below(one, part, value)))

    def keys(self, value: object) -> tuple[str, ...]:
        """The names that ``value``, a mapping, may have; none where every name is good."""
        return tuple(sorted({key for one in self.types for key in _keys(one, value)}))

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


def _below(one: Any, part: str | int, value: object) -> Iterator[Any]:
    if isinstance(one, type) and issubclass(one, Adapter) and part == "type":
        yield str
        return
    model = _model(one, value)
    origin, args = get_origin(one), get_args(one)
    if model is not None:
        field = model.model_fields.get(str(part))
        if field is not None:
            yield from _arms(field.annotation)
    elif isinstance(origin, type) and issubclass(origin, dict) and isinstance(part, str):
        yield from _arms(args[1])
    elif isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset):
        for arg in args:
            if arg is not ...:
                yield from _arms(arg)


def _keys(one: Any, value: object) -> tuple[str, ...]:
    model = _model(one, value)
    if model is None:
        return ()
    of_adapter = isinstance(one, type) and issubclass(one, Adapter)
    return (*model.model_fields, "type") if of_adapter else tuple(model.model_fields)


def _model(one: Any, value: object) -> type[Options] | None:
    """The model that judges ``value`` where ``one`` is expected: for an adapter, the options of its type."""
    if not isinstance(one, type):
        return None
    if issubclass(one, Options):
        return one
    if issubclass(one, Adapter) and isinstance(value, dict):
        try:
            return one.chosen(value)[1]
        except ValidationError:
            return None  # an unknown type has no shape; that is a problem of its own
    return None


def _entry(value: object, part: str | int) -> object:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None
