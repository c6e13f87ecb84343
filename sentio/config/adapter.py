"""An adapter's block: its ``type``, and the options that the class of that type asks for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic_core import CoreSchema, core_schema

from sentio import catalog
from sentio.config.misfit import Loc, kind, misfit, misfits
from sentio.config.options import Options

OptionsClass = type[Options]


@dataclass(frozen=True)
class Adapter:
    """A ``type`` and its validated options. `sentio.catalog.resolve` gives the class that takes them."""

    type: str
    options: Options

    kind: ClassVar[str]
    """Which part of the catalog the type is looked up in."""
    default: ClassVar[str | None] = None
    """The type of a block that names none; None where it must name one."""

    @classmethod
    def of(cls, block: object) -> Self:
        """From the block as it was written. Raises `ValueError`: a misfit of the type or of an option.

        The options are validated strictly, as JSON: there a list is the spelling of a tuple and text that of
        a path, but ``"5"`` is still no number.
        """
        if isinstance(block, cls):
            return block
        if not isinstance(block, dict):
            raise misfit(f"is {kind(block)}", "a mapping with a type and its options is expected")
        name, options = cls.chosen(block)
        rest = {key: value for key, value in block.items() if key != "type"}
        return cls(name, options.model_validate_json(json.dumps(rest), strict=True))

    @classmethod
    def chosen(cls, block: dict[str, Any]) -> tuple[str, OptionsClass]:
        """The block's type and the ``Options`` that belong to it. Raises `ValueError`: a misfit of it."""
        at: Loc = ("type",)
        name = block.get("type", cls.default)
        if name is None and "type" not in block:
            raise misfits((at, misfit("is missing", f"{_known(cls.kind)} is expected")))
        if not isinstance(name, str):
            raise misfits((at, misfit(f"is {kind(name)}", f"{_known(cls.kind)} is expected")))
        try:
            found = catalog.resolve(cls.kind, name)
        except catalog.UnusableTypeError as error:
            raise misfits((at, misfit(error.wrong, error.right))) from error
        return name, found.Options  # type: ignore[attr-defined]  # resolve has looked

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """How pydantic validates a field of this type."""
        return core_schema.no_info_plain_validator_function(cls.of)


def _known(kind_: str) -> str:
    return " or ".join(catalog.names(kind_))


@dataclass(frozen=True)
class SourceBlock(Adapter):
    """Where samples come from."""

    kind = "sources"


@dataclass(frozen=True)
class DetectorBlock(Adapter):
    """What learns and judges."""

    kind = "detectors"
    default = "prophet"


@dataclass(frozen=True)
class SinkBlock(Adapter):
    """Where alerts and reports go."""

    kind = "sinks"
