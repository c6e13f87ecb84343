"""The words of an expression, each with the character where it begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sentio.errors import SentioError

LONGEST = 500
"""Characters of an expression."""

KEYWORDS = ("and", "or", "not", "for", "of")

_SHOWN = 60
"""Characters of a word that a message quotes at most."""

_TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)"
    r"|(?P<sign><=|>=|==|!=|[<>+\-*/(),])"
)
_BLANK = re.compile(r"\s*")

_MEANT = {"=": "==", "&": "and", "|": "or", "!": "not or !="}
"""What people write who think of another language → what is expected."""

Kind = Literal["number", "name", "sign", "end"]


class ExpressionError(SentioError):
    """An expression that cannot be read.

    ``wrong`` and ``right`` are the two halves of the text, for who knows the file and line to put before it.
    """

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"expression: {wrong}; {right}")
        self.wrong = wrong
        self.right = right


@dataclass(frozen=True, slots=True)
class Token:
    """``at`` is counted from 1. A keyword is of the kind ``sign``; the ``end`` has no text."""

    kind: Kind
    text: str
    at: int

    @property
    def wrong(self) -> str:
        """What a message says of a token that does not belong where it is."""
        return f"has {quoted(self.text)} at character {self.at}" if self.text else f"ends at character {self.at}"


def tokens(text: str) -> list[Token]:
    """All of them, the end last. Raises `ExpressionError`."""
    if len(text) > LONGEST:
        raise ExpressionError(f"has {len(text)} characters", f"at most {LONGEST} are expected")
    found: list[Token] = []
    at = _after_blank(text, 0)
    while at < len(text):
        token = _token(text, at)
        found.append(token)
        at = _after_blank(text, at + len(token.text))
    return [*found, Token("end", "", len(text.rstrip()))]


def quoted(text: str) -> str:
    """A word as a message quotes it: on one line, of bounded length."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f'"{shown}"' if shown.isprintable() else f'"{shown.encode("unicode_escape").decode()}"'


def _token(text: str, at: int) -> Token:
    found = _TOKEN.match(text, at)
    if found is None:
        right = _MEANT.get(text[at], "a name, a number, an operator or a parenthesis")
        raise ExpressionError(f"has {quoted(text[at])} at character {at + 1}", f"{right} is expected")
    word = found[0]
    if found["number"]:
        return Token("number", word, at + 1)
    if found["name"] and word not in KEYWORDS and word.lower() in KEYWORDS:
        raise ExpressionError(f"has {quoted(word)} at character {at + 1}", f"{word.lower()} is expected")
    return Token("name" if found["name"] and word not in KEYWORDS else "sign", word, at + 1)


def _after_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
