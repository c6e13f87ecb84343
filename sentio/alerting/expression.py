"""The language of alerts: ``score > 1 for 3 of 5``.

::

    rule       = either ["for" WHOLE ["of" WHOLE]]
    either     = all {"or" all}
    all        = negation {"and" negation}
    negation   = {"not"} comparison
    comparison = sum [("<" | "<=" | ">" | ">=" | "==" | "!=") sum]
    sum        = product {("+" | "-") product}
    product    = signed {("*" | "/") signed}
    signed     = {"-"} primary
    primary    = NUMBER | NAME | FUNCTION "(" either {"," either} ")" | "(" either ")"
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from sentio.alerting.operands import (
    ARITHMETIC,
    COMPARISONS,
    EXAMPLE,
    FUNCTIONS,
    Condition,
    Inputs,
    Number,
    Operand,
    Smooth,
    applied,
    as_condition,
    as_number,
    both,
    compared,
    either,
)
from sentio.alerting.tokens import ExpressionError, Token, quoted, tokens
from sentio.types import Bools

MOST = 60
"""Samples that ``for M of N`` and ``smooth`` look back at most: their bits fit into one integer."""

_DEEPEST = 20
"""Parentheses within one another: the parser calls itself for each."""


@dataclass(frozen=True, slots=True)
class Expression:
    """``holds`` looks at one time of all series; the rule does where ``holds`` did at ``least`` of the last ``among``.

    ``names``: the outputs that it is about. ``smooths``: the means that it needs, an inner one before the outer.
    """

    text: str
    holds: Callable[[Inputs], Bools]
    names: tuple[str, ...]
    smooths: tuple[Smooth, ...]
    least: int
    among: int


def parse(text: str) -> Expression:
    """Raises `ExpressionError` with the place of what is wrong, and what is expected there."""
    return _Parser(text).rule()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = " ".join(text.split())
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._names: dict[str, None] = {}
        self._smooths: list[Smooth] = []

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _done(self) -> bool:
        return self._token.kind == "end"

    def _take(self, *signs: str) -> Token | None:
        """The next token, where it is one of ``signs``."""
        token = self._token
        if token.kind != "sign" or token.text not in signs:
            return None
        self._at += 1
        return token

    def _unexpected(self, right: str) -> ExpressionError:
        return ExpressionError(self._token.wrong, f"{right} is expected")

    def rule(self) -> Expression:
        if self._done():
            raise ExpressionError("is empty", EXAMPLE)
        operand = self._either()
        if not self._done() and self._token.text != "for":
            raise self._unexpected("an operator, for or the end")
        condition = as_condition(operand)
        least, among = self._share() if self._take("for") else (1, 1)
        if not self._done():
            raise self._unexpected("the end")
        return Expression(self._text, condition.holds, tuple(self._names), tuple(self._smooths), least, among)

    def _share(self) -> tuple[int, int]:
        start = self._token
        least = self._whole()
        if not self._done() and self._token.text != "of":
            raise self._unexpected("of or the end")
        among = self._whole() if self._take("of") else least
        if least > among:
            wrong = f"has {quoted(f'{least} of {among}')} at character {start.at}"
            raise ExpressionError(wrong, f"at most {among} of {among} is expected")
        return least, among

    def _either(self) -> Operand:
        left = self._all()
        while self._take("or"):
            left = either(as_condition(left), as_condition(self._all()))
        return left

    def _all(self) -> Operand:
        left = self._negation()
        while self._take("and"):
            left = both(as_condition(left), as_condition(self._negation()))
        return left

    def _negation(self) -> Operand:
        start, count = self._token.at, 0
        while self._take("not"):
            count += 1
        operand = self._comparison()
        if not count:
            return operand
        condition = as_condition(operand)
        holds, fails = (condition.holds, condition.fails)[:: -1 if count % 2 else 1]
        return Condition(start, holds, fails)

    def _comparison(self) -> Operand:
        left = self._sum()
        sign = self._take(*COMPARISONS)
        if sign is None:
            return left
        condition = compared(sign.text, as_number(left), as_number(self._sum()))
        if self._token.text in COMPARISONS:
            wrong = f"has a second comparison at character {self._token.at}"
            raise ExpressionError(wrong, "two that are joined by and are expected")
        return condition

    def _sum(self) -> Operand:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Operand:
        return self._chain(("*", "/"), self._signed)

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Operand]) -> Operand:
        left = part()
        while sign := self._take(*signs):
            left = applied(ARITHMETIC[sign.text], left.at, as_number(left), as_number(part()))
        return left

    def _signed(self) -> Operand:
        start, count = self._token.at, 0
        while self._take("-"):
            count += 1
        operand = self._primary()
        if not count:
            return operand
        number = as_number(operand)
        return applied(np.negative, start, number) if count % 2 else Number(start, number.of)

    def _primary(self) -> Operand:
        token = self._token
        if token.kind == "number":
            return self._literal()
        if token.kind == "name":
            self._at += 1
            return self._call(token) if self._token.text == "(" else self._name(token)
        if token.text != "(":
            raise self._unexpected("a number, a name or (")
        self._open()
        operand = self._either()
        self._close()
        return replace(operand, at=token.at)

    def _open(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            wrong = f"has {self._depth} parentheses within one another at character {self._token.at}"
            raise ExpressionError(wrong, f"at most {_DEEPEST} are expected")
        self._take("(")

    def _close(self) -> None:
        if self._take(")") is None:
            raise self._unexpected("an operator or )")
        self._depth -= 1

    def _literal(self) -> Number:
        token = self._token
        value = float(token.text)
        if not math.isfinite(value):
            raise self._unexpected("a finite number")
        self._at += 1
        return Number(token.at, lambda _: value)

    def _name(self, token: Token) -> Number:
        name = token.text
        self._names[name] = None
        return Number(token.at, lambda inputs: inputs.named[name])

    def _call(self, token: Token) -> Number:
        if token.text == "smooth":
            return self._smooth(token)
        if token.text not in FUNCTIONS:
            wrong = f"has the function {quoted(token.text)} at character {token.at}"
            raise ExpressionError(wrong, f"{', '.join(FUNCTIONS)} or smooth is expected")
        function, count = FUNCTIONS[token.text]
        self._open()
        arguments = [as_number(self._either())]
        while len(arguments) < count:
            self._comma()
            arguments.append(as_number(self._either()))
        self._close()
        return applied(function, token.at, *arguments)

    def _smooth(self, token: Token) -> Number:
        self._open()
        argument = as_number(self._either())
        self._comma()
        length = self._whole()
        self._close()
        # By now the smooths within the argument have their places.
        place = len(self._smooths)
        self._smooths.append(Smooth(argument.of, length))
        return Number(token.at, lambda inputs: inputs.smoothed[place])

    def _comma(self) -> None:
        if self._take(",") is None:
            raise self._unexpected("an operator or ,")

    def _whole(self) -> int:
        token = self._token
        if token.kind != "number" or not token.text.isdecimal() or not 1 <= float(token.text) <= MOST:
            raise self._unexpected(f"a whole number from 1 to {MOST}")
        self._at += 1
        unit = self._token
        if unit.kind == "name" and unit.at == token.at + len(token.text):
            wrong = f"has {quoted(token.text + unit.text)} at character {token.at}"
            raise ExpressionError(wrong, f"a number of samples from 1 to {MOST}, and no time, is expected")
        return int(token.text)
