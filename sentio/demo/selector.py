"""Plain instant-vector selectors, the only PromQL that the embedded store answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from sentio.demo.promql_string import LiteralError, read_string
from sentio.demo.regex import RegexError, anchored
from sentio.errors import SentioError
from sentio.types import SeriesKey

_ADVICE = 'the embedded store answers only plain selectors such as up{job="demo"}, a real Prometheus all of PromQL'

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_NUMBER = re.compile(r"\.?[0-9][0-9a-zA-Z_.]*")

_NO_METRICS = {"inf", "nan", "bool", "on", "ignoring", "group_left", "group_right", "atan2"}
"""Words that are numbers or operators to PromQL wherever they stand; other key words may name a metric."""


class SelectorError(SentioError):
    """The text is no plain selector; the message begins with ``line:column``, as Prometheus's own does."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """``label op value``; ``op`` is ``=``, ``!=``, ``=~`` or ``!~``, the last two with a ``pattern``."""

    label: str
    op: str
    value: str
    pattern: re.Pattern[str] | None = None

    def accepts(self, text: str) -> bool:
        """Whether a label of this value, "" when there is no such label, is one that is meant."""
        same = text == self.value if self.pattern is None else self.pattern.fullmatch(text) is not None
        return same == (self.op[0] == "=")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series for which every one of ``matchers`` holds."""

    matchers: tuple[Matcher, ...]

    def matches(self, key: SeriesKey) -> bool:
        labels = {"__name__": key.name, **dict(key.labels)}
        return all(matcher.accepts(labels.get(matcher.label, "")) for matcher in self.matchers)


def parse(text: str) -> Selector:
    """``name{a="b",…}`` or ``{…}``. Raises `SelectorError` for anything else."""
    return _Parser(text).selector()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def selector(self) -> Selector:
        start = self._at
        if start == len(self._text):
            raise self._error("no expression found in input", 0)
        matchers = []
        name = self._take(_METRIC)
        if name.lower() in _NO_METRICS:
            self._at = start
            raise self._unexpected()
        if name:
            matchers.append(Matcher("__name__", "=", name))
        if self._peek() == "{":
            matchers += self._braces()
        if self._at < len(self._text):
            raise self._unexpected()
        if name and sum(m.label == "__name__" and m.op == "=" for m in matchers) > 1:
            other = next(m.value for m in matchers[1:] if m.label == "__name__")
            names = f"{json.dumps(name)} or {json.dumps(other)}"
            raise self._error(f"metric name must not be set twice: {names}", start)
        if all(matcher.accepts("") for matcher in matchers):
            raise self._error("vector selector must contain at least one non-empty matcher", start)
        return Selector(tuple(matchers))

    def _braces(self) -> list[Matcher]:
        self._at += 1
        self._skip()
        matchers: list[Matcher] = []
        while self._peek() != "}":
            matchers.append(self._matcher())
            if self._peek() == ",":
                self._at += 1
                self._skip()
            elif self._peek() != "}":
                raise self._unexpected(' in label matching, expected "," or "}"')
        self._at += 1
        self._skip()
        return matchers

    def _matcher(self) -> Matcher:
        start = self._at
        label = self._take(_LABEL)
        if not label:
            raise self._unexpected(' in label matching, expected identifier or "}"')
        op = self._take(_OPERATOR)
        if not op:
            raise self._unexpected(" in label matching, expected label matching operator")
        if self._peek() not in ('"', "'", "`"):
            raise self._unexpected(" in label matching, expected string")
        value = self._string()
        if op[-1] != "~":
            return Matcher(label, op, value)
        try:
            return Matcher(label, op, value, anchored(value))
        except RegexError as error:
            raise self._error(str(error), start) from error

    def _string(self) -> str:
        try:
            value, self._at = read_string(self._text, self._at)
        except LiteralError as error:
            raise self._error(str(error), self._at) from error
        self._skip()
        return value

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, what: re.Pattern[str]) -> str:
        """The token of this kind that comes next, "" when another comes, and the space after it."""
        found = what.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        self._skip()
        return found[0]

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _unexpected(self, where: str = "") -> SelectorError:
        if self._at == len(self._text):
            what = "end of input inside braces" if where else "end of input"
            return self._error(f"unexpected {what}", self._at)
        for kind, token in (("identifier ", _METRIC), ("number ", _NUMBER), ("", _OPERATOR)):
            found = token.match(self._text, self._at)
            if found:
                return self._error(f"unexpected {kind}{json.dumps(found[0])}{where}", self._at)
        character = json.dumps(self._peek(), ensure_ascii=False)
        return self._error(f"unexpected {character}{where}", self._at)

    def _error(self, problem: str, at: int) -> SelectorError:
        before = self._text[:at]
        line = before.count("\n") + 1
        # Prometheus counts bytes.
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "replace")) + 1
        return SelectorError(f"{line}:{column}: parse error: {problem}; {_ADVICE}")
