"""The keyword arguments of somebody's class as the options of a detector."""

from __future__ import annotations

import inspect
import types
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import Field, ValidationInfo, create_model, field_validator, model_validator

from sentio.config.misfit import misfit
from sentio.config.options import Options

_PLAIN = (int, float, str, bool, types.NoneType)
"""What a value is checked to be where the signature says so."""
_TAKEN = ("type", "batch", "keep")
"""What stands beside the arguments."""
_MARK = "own_"
"""Before the name of a field: an argument may be called as a method of pydantic's is."""


class Arguments(Options):
    """What is common to all detectors of one's own; beside it stand the arguments of the class."""

    made: ClassVar[type] = object
    """The class."""

    batch: Annotated[int, Field(ge=2)] = 1000
    """Samples of a series that are learned from at a time."""
    keep: Annotated[int, Field(ge=2, validate_default=True)] = 5000
    """Samples of a series that are kept at most, to be learned from again after a restart."""

    @classmethod
    def of(cls, found: type) -> type[Arguments]:
        """The options of ``found``. Raises `ValueError`, a `misfit` without a subject: it takes what none can give."""
        fields: dict[str, Any] = {}
        for parameter in _parameters(found):
            name = parameter.name
            if parameter.kind is parameter.POSITIONAL_ONLY or name in _TAKEN:
                how = ", an option of every class of one's own" if name in _TAKEN else " by its position"
                raise misfit(f"which takes {name}{how}", "keyword arguments of other names are expected")
            required = parameter.default is parameter.empty
            default = ... if required else parameter.default if isinstance(parameter.default, _PLAIN) else None
            fields[_MARK + name] = (_annotation(parameter), Field(default, alias=name))
        about = f"The arguments of `{found.__qualname__}`."
        made = create_model(f"{found.__name__}Options", __base__=cls, __module__=__name__, __doc__=about, **fields)
        made.made = found
        return made

    def make(self) -> object:
        """An instance, with the arguments that were given and no others. Raises whatever the class does."""
        given = sorted(name for name in self.model_fields_set if name.startswith(_MARK))
        return self.made(**{name.removeprefix(_MARK): getattr(self, name) for name in given})

    @field_validator("keep")
    @classmethod
    def _a_batch_at_least(cls, keep: int, info: ValidationInfo) -> int:
        batch = info.data.get("batch")
        if batch is not None and keep < batch:
            raise misfit(f"is {keep}", f"at least batch ({batch}) is expected", relative=True)
        return keep

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        try:
            self.make()
        except (Exception, SystemExit) as error:  # a user's class may raise anything at all
            said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
            raise misfit(
                f"is refused by {self.made.__name__} ({said})", "arguments that it takes are expected"
            ) from error
        return self


def _parameters(found: type) -> list[inspect.Parameter]:
    """Those that can be given by name; none of a class that does not say."""
    try:
        signature = inspect.signature(found, eval_str=True)
    except Exception:  # noqa: BLE001  # an annotation may be anything at all
        try:
            signature = inspect.signature(found)
        except (TypeError, ValueError):
            return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter for parameter in signature.parameters.values() if parameter.kind not in several]


def _annotation(parameter: inspect.Parameter) -> Any:
    """What a value must be; anything, where that is not a number, text, or true or false."""
    said = parameter.annotation
    arms = get_args(said) if get_origin(said) in (Union, types.UnionType) else (said,)
    if not all(arm in _PLAIN for arm in arms):
        return Any
    return said | None if parameter.default is None else said
