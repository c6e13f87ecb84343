"""What a validator raises when a value does not fit: two halves, what is wrong and what would be right.

They are kept apart so that the half which quotes the value can be left out where the value is a secret.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]

MISFIT = "sentio"
"""The type that pydantic reports for a `misfit`."""

_NEAR = 0.65
"""How alike two words are where the one may be a slip for the other: `every` and `query` have 0.6."""

_SHOWN = 60
"""Characters of a value that a message quotes at most."""


def misfit(wrong: str, right: str, *, relative: bool = False) -> PydanticCustomError:
    """A `ValueError` that reads *wrong; right*. Only ``wrong`` may quote the value.

    ``relative``: the value is wrong only beside another one, so the message must say of which pipeline.
    """
    return PydanticCustomError(MISFIT, "{wrong}; {right}", {"wrong": wrong, "right": right, "relative": relative})


def misfits(*found: tuple[Loc, PydanticCustomError]) -> ValidationError:
    """Several misfits at places below the value being validated.

    Raised in a validator, pydantic puts the place of that value before each."""
    lines = [InitErrorDetails(type=error, loc=loc, input=None) for loc, error in found]
    return ValidationError.from_exception_data(MISFIT, lines, hide_input=True)


def show(value: object) -> str:
    """A value of a YAML file as a message quotes it: on one line, of bounded length."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _cut(str(value))
    return kind(value)


def kind(value: object) -> str:
    """What a value is, without quoting it."""
    match value:
        case None:
            return "empty"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``word`` was probably meant to be."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=_NEAR)
    return by_lower[near[0]] if near else None


def one_of(known: Sequence[str], word: object = None, *, also: str = "") -> str:
    """``a, b or c is expected``, with the probable one named when ``word`` is near it."""
    choices = [*known, *([also] if also else [])]
    text = choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"
    near = closest(word, known) if isinstance(word, str) else None
    return f"{text} is expected" + (f" (did you mean {near}?)" if near else "")


def _quoted(text: str) -> str:
    shown = json.dumps(_cut(text), ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in shown)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
