"""Times of a table: which column has them, how they are to be read, and how they were written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pandas as pd

from sentio.types import MILLISECOND, SECOND, Array, Ints

NAMES = ("time", "datetime", "date", "timestamp")
"""Of columns that have times, in the order in which they are looked for."""
LOOKED_AT = 10
"""Rows by which a column is known to have times."""

_MILLISECONDS_FROM = 1e11
"""As a number of seconds that is the year 5138, as one of milliseconds 1973."""
_LATEST_S = 9e9
"""Nanoseconds of an int64 end in 2262."""
_MICROSECOND = MILLISECOND // 1000
_NOT_A_TIME = np.iinfo(np.int64).min
_NUMBER = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?)\s*", re.ASCII | re.IGNORECASE)
_DAY_AND_MONTH = re.compile(r"\s*\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})(?!\d)")
_TIME_OF_DAY = re.compile(
    r"\s*\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([ap]m)?\s*(z|[+-]\d{2}:?\d{2})?\s*", re.ASCII | re.IGNORECASE
)
"""To pandas that is one of the day on which it reads it."""
_ANY_ISO, _ANY = "ISO8601", "mixed"

EXPECTED = "seconds or milliseconds since 1970, or times such as 2024-05-01T12:00:00Z, are expected"


class NoTimeError(ValueError):
    """The cell of ``row`` is no time."""

    def __init__(self, row: int, text: str) -> None:
        super().__init__(text)
        self.row, self.text = row, text


def is_number(text: str) -> bool:
    """Whether it is written as one, perhaps an infinite one."""
    return _NUMBER.fullmatch(text) is not None


def is_time_of_day(text: str) -> bool:
    """Whether it is a time without a date."""
    return _TIME_OF_DAY.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one table are written: ``s`` and ``ms`` since 1970, or dates in ``form``."""

    unit: Literal["s", "ms", "date"]
    form: str = ""
    """A format of pandas; empty where the file has times of its own kind."""
    day_first: bool = False

    @property
    def numbers(self) -> bool:
        return self.unit != "date"

    def read(self, cells: Array) -> Ints:
        """Nanoseconds of ``cells [n]``: float64 where they are ``numbers``, else texts or NumPy's own times.

        Raises `NoTimeError` for the first cell that is none.
        """
        times = self._numbers(cells) if self.numbers else self._dates(cells)
        if len(wrong := np.flatnonzero(times == _NOT_A_TIME)):
            raise NoTimeError(int(wrong[0]), _shown(cells[wrong[0]]))
        return times

    def _numbers(self, cells: Array) -> Ints:
        parts = SECOND if self.unit == "s" else MILLISECOND
        numbers = np.asarray(cells, np.float64)
        with np.errstate(invalid="ignore"):
            known = np.abs(numbers) <= _LATEST_S * (SECOND // parts)
        numbers = np.where(known, numbers, 0.0)
        # Whole ones stay whole, and parts are as fine as a double of today's seconds can tell.
        whole = np.floor(numbers)
        finer = np.round((numbers - whole) * (parts // _MICROSECOND)).astype(np.int64) * _MICROSECOND
        return np.where(known, whole.astype(np.int64) * parts + finer, _NOT_A_TIME)

    def _dates(self, cells: Array) -> Ints:
        try:
            found = self._parsed(cells, "raise")
        except (ValueError, OverflowError, TypeError):
            found = self._parsed(cells, "coerce")
        times = np.asarray(found.astype("datetime64[ns]").astype(np.int64))
        if self.form == _ANY:
            times[[is_time_of_day(str(cell)) for cell in cells.tolist()]] = _NOT_A_TIME
        return times

    def _parsed(self, cells: Array, errors: Literal["raise", "coerce"]) -> Array:
        form = {"format": self.form} if self.form else {}
        made = pd.to_datetime(pd.Series(cells), utc=True, errors=errors, dayfirst=self.day_first, **form)
        inside = made.between(pd.Timestamp("1677-09-22", tz="UTC"), pd.Timestamp("2262-04-11", tz="UTC"))
        return np.asarray(made.where(inside).dt.tz_localize(None).to_numpy())

    def write(self, at: int) -> str:
        """``at`` ns as the file has it: the number, or ISO 8601 in UTC for a date."""
        if not self.numbers:
            return iso(at)
        whole, rest = divmod(at, SECOND if self.unit == "s" else MILLISECOND)
        digits = 9 if self.unit == "s" else 6
        return f"{whole}.{rest:0{digits}d}".rstrip("0") if rest else str(whole)


def iso(at: int) -> str:
    """``at`` ns in ISO 8601, UTC."""
    whole, rest = divmod(at, SECOND)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return (f"{text}.{rest:09d}".rstrip("0") if rest else text) + "Z"


def clock_of(cells: Array) -> Clock:
    """How the first ``cells [n]`` of a column, texts or times of NumPy's, are to be read. Raises `NoTimeError`."""
    if cells.dtype.kind == "M":
        return _tried(Clock("date"), cells)
    texts = np.array([str(cell) for cell in cells], dtype=object)
    numbers = [float(text) for text in texts if is_number(text)]
    if len(numbers) == len(texts):
        unit: Literal["s", "ms"] = "ms" if np.median(np.abs(numbers)) > _MILLISECONDS_FROM else "s"
        return _tried(Clock(unit), np.array(numbers))
    return _of_dates(texts)


def _of_dates(texts: Array) -> Clock:
    """Of the ways to read all of ``texts`` the first by which they do not go back, else the first."""
    first = None
    for clock in _ways(texts[0]):
        try:
            times = clock.read(texts)
        except NoTimeError:
            continue
        if (np.diff(times) >= 0).all():
            return clock
        first = first or clock
    return first or _tried(Clock("date", _ANY_ISO), texts)


def _ways(text: str) -> list[Clock]:
    ways = [Clock("date", _ANY_ISO)]
    if found := _DAY_AND_MONTH.match(text):
        # Which of the two is the month only the other rows can tell; where they do not, most write days before dots.
        mark, rest = found[1], _form("2024-05-31" + text[found.end() :]).removeprefix("%Y-%m-%d")
        year = "%Y" if len(found[2]) == 4 else "%y"
        orders = ("%d", "%m"), ("%m", "%d")
        for first, second in orders if mark == "." else orders[::-1]:
            ways.append(Clock("date", f"{first}{mark}{second}{mark}{year}{rest}"))
    elif form := _form(text):
        ways.append(Clock("date", form))
    return [*ways, Clock("date", _ANY), Clock("date", _ANY, day_first=True)]


def _form(text: str) -> str:
    """The format of pandas that a time is in; empty where it has none, or one that a month's name decides: May is
    as long as it is short."""
    from pandas.tseries.api import guess_datetime_format

    form = guess_datetime_format(text) or ""
    return "" if "%b" in form or "%B" in form else form


def _tried(clock: Clock, cells: Array) -> Clock:
    clock.read(cells)
    return clock


def _shown(cell: object) -> str:
    return "" if cell is None or cell != cell else str(cell)  # NaN and NaT differ from themselves
