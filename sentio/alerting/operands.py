"""What an expression is made of, as functions on arrays: numbers and conditions.

A condition has two functions, when it holds and when its opposite does. Where a number is NaN neither does: nothing
is known, and ``not score > 1`` is ``score <= 1``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from sentio.alerting.tokens import ExpressionError
from sentio.types import Bools, Floats

EXAMPLE = "a condition such as score > 1 is expected"

Numbers = Floats | float


@dataclass(frozen=True, slots=True)
class Inputs:
    """One time of all series: ``named`` outputs ``[S]``, and ``smoothed`` ``[S]`` in the order of their `Smooth`."""

    named: Mapping[str, Floats]
    smoothed: list[Floats] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Number:
    """``at``: the character where it begins."""

    at: int
    of: Callable[[Inputs], Numbers]


@dataclass(frozen=True, slots=True)
class Condition:
    """``at``: the character where it begins."""

    at: int
    holds: Callable[[Inputs], Bools]
    fails: Callable[[Inputs], Bools]


@dataclass(frozen=True, slots=True)
class Smooth:
    """The mean of the last ``length`` values of ``of``."""

    of: Callable[[Inputs], Numbers]
    length: int


Operand = Number | Condition


def as_number(operand: Operand) -> Number:
    """Raises `ExpressionError` where it is a condition."""
    if isinstance(operand, Condition):
        raise ExpressionError(f"has a condition at character {operand.at}", "a number is expected")
    return operand


def as_condition(operand: Operand) -> Condition:
    """Raises `ExpressionError` where it is a number."""
    if isinstance(operand, Number):
        raise ExpressionError(f"has a number at character {operand.at}", EXAMPLE)
    return operand


def both(left: Condition, right: Condition) -> Condition:
    """``left and right``."""
    return Condition(
        left.at,
        lambda inputs: np.asarray(left.holds(inputs) & right.holds(inputs)),
        lambda inputs: np.asarray(left.fails(inputs) | right.fails(inputs)),
    )


def either(left: Condition, right: Condition) -> Condition:
    """``left or right``."""
    return Condition(
        left.at,
        lambda inputs: np.asarray(left.holds(inputs) | right.holds(inputs)),
        lambda inputs: np.asarray(left.fails(inputs) & right.fails(inputs)),
    )


def compared(sign: str, left: Number, right: Number) -> Condition:
    """``left sign right``."""
    holds, fails = COMPARISONS[sign]
    return Condition(
        left.at,
        lambda inputs: np.asarray(holds(left.of(inputs), right.of(inputs))),
        lambda inputs: np.asarray(fails(left.of(inputs), right.of(inputs))),
    )


def applied(function: Callable[..., Any], at: int, *arguments: Number) -> Number:
    """``function`` of the arguments."""
    return Number(at, lambda inputs: function(*(argument.of(inputs) for argument in arguments)))


def _differ(left: Numbers, right: Numbers) -> Any:
    # NumPy's own says that NaN differs from everything.
    return np.less(left, right) | np.greater(left, right)


def _quotient(left: Numbers, right: Numbers) -> Any:
    # Infinity would be above every limit.
    return np.where(np.equal(right, 0), np.nan, np.divide(left, right))


COMPARISONS: Mapping[str, tuple[Callable[..., Any], Callable[..., Any]]] = MappingProxyType(
    {
        "<": (np.less, np.greater_equal),
        "<=": (np.less_equal, np.greater),
        ">": (np.greater, np.less_equal),
        ">=": (np.greater_equal, np.less),
        "==": (np.equal, _differ),
        "!=": (_differ, np.equal),
    }
)
"""Sign → when it holds, and when it does not."""

ARITHMETIC: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"+": np.add, "-": np.subtract, "*": np.multiply, "/": _quotient}
)

FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int]] = MappingProxyType(
    {"abs": (np.absolute, 1), "max": (np.maximum, 2), "min": (np.minimum, 2)}
)
"""Name → function, and how many arguments it has; beside these there is smooth."""
