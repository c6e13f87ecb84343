"""String literals of PromQL: ``"…"`` and ``'…'`` with Go's escapes, and raw strings in backticks."""

from __future__ import annotations

import re

_PLAIN = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_NUMBER = {"x": (2, 16), "u": (4, 16), "U": (8, 16)}
_OCTAL = re.compile(r"[0-7]{3}")


class LiteralError(ValueError):
    """The text at hand is no string literal; the message is Prometheus's."""


def read_string(text: str, at: int) -> tuple[str, int]:
    """The literal whose opening quote is ``text[at]``: its value, and where it ends.

    Raises `LiteralError`. Bytes that are no UTF-8 become surrogates, which equal no label value.
    """
    quote = text[at]
    if quote == "`":
        end = text.find("`", at + 1)
        if end < 0:
            raise LiteralError("unterminated raw string")
        return text[at + 1 : end], end + 1
    value = bytearray()
    at += 1
    while at < len(text) and text[at] != "\n":
        if text[at] == quote:
            return value.decode("utf-8", "surrogateescape"), at + 1
        if text[at] == "\\":
            piece, at = _escape(text, at + 1, quote)
            value += piece
        else:
            value += text[at].encode("utf-8", "surrogatepass")
            at += 1
    raise LiteralError("unterminated quoted string")


def _escape(text: str, at: int, quote: str) -> tuple[bytes, int]:
    """The escape after the backslash before ``text[at]``, as bytes: ``\\x`` and octals name bytes, not
    characters."""
    letter = text[at : at + 1]
    if letter == "":
        raise LiteralError("escape sequence not terminated")
    if letter == quote:
        return letter.encode(), at + 1
    if letter in _PLAIN:
        return bytes([_PLAIN[letter]]), at + 1
    octal = _OCTAL.match(text, at)
    if octal:
        return _octet(int(octal[0], 8)), octal.end()
    if letter in _NUMBER:
        digits, base = _NUMBER[letter]
        number = _digits(text[at + 1 : at + 1 + digits], digits, base)
        return (_octet(number) if letter == "x" else _character(number)), at + 1 + digits
    raise LiteralError(f"unknown escape sequence U+{ord(letter):04X} '{letter}'")


def _digits(text: str, count: int, base: int) -> int:
    for digit in text:
        if digit not in "0123456789abcdefABCDEF":
            raise LiteralError(f"illegal character U+{ord(digit):04X} '{digit}' in escape sequence")
    if len(text) < count:
        raise LiteralError("escape sequence not terminated")
    return int(text, base)


def _octet(number: int) -> bytes:
    if number > 255:
        raise LiteralError("escape sequence is an invalid Unicode code point")
    return bytes([number])


def _character(number: int) -> bytes:
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise LiteralError("escape sequence is an invalid Unicode code point")
    return chr(number).encode()
