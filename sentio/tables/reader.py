"""Opens a table of samples and reads it in pieces, so that its size takes no memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np

from sentio.config.misfit import one_of, show
from sentio.errors import InputError, SensorsError, TimefieldError
from sentio.tables.blocks import STANDARD
from sentio.tables.order import Order
from sentio.tables.parquet import ENDINGS, Parquet
from sentio.tables.part import Columns, Form, Part, fail, no_number, twice
from sentio.tables.text import Text
from sentio.tables.times import EXPECTED, LOOKED_AT, NAMES, Clock, NoTimeError, clock_of, is_number, is_time_of_day
from sentio.types import SECOND, Array, Floats, Ints

_NO_NAME = re.compile(r"Unnamed: \d+|__index_level_\d+__")
"""How pandas calls a column that has none, such as the numbers of the rows."""
_CELLS_AT_ONCE = 4_000_000
"""Of the panel that a piece makes."""
_ENDINGS = re.compile(r"(\.(csv|tsv|txt|parquet|parq|pq))?(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which columns are meant; what is empty is found."""

    timefield: str = ""
    sensors: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    """Columns of labels: rows with other texts there are of other series."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows that follow one another; ``values [sensors, n]``, NaN where there is no sample.

    ``times [n]`` in ns. ``groups``: each combination of texts in the columns of labels that occurs here, in their
    order; ``group [n]``: which one a row has. ``line``: where the first row begins in the file.
    """

    line: int
    times: Ints
    values: Floats
    groups: tuple[tuple[str, ...], ...]
    group: Ints

    def __len__(self) -> int:
        return len(self.times)


class Table:
    """A table that is open. What it has is known; its rows can be read once.

    ``name``: of the file, without its endings. ``timefield``: empty where it has no times, and its rows are one second
    apart. ``clock``: how its times are written. ``sensors`` and ``by``: names of its columns. ``left_out``: a line for
    each column that is no sensor, for there is something else among its numbers.
    """

    def __init__(self, form: Form, name: str, choice: Choice, now: int) -> None:
        self.name, self.where = name, form.where
        self.left_out: tuple[str, ...] = ()
        self._form, self._parts = form, form.parts()
        self._first = next(self._parts)
        self.by = self._known("by", choice.by)
        self.timefield, self.clock = self._times(choice.timefield)
        self.sensors = self._sensors(choice.sensors)
        self._apart()
        self._now = now // SECOND * SECOND

    def _apart(self) -> None:
        if (name := twice((self.timefield, *self.by, *self.sensors))) is not None:
            wrong = f"{show(name)} is asked for as two of timefield, sensors and by"
            fail(self.where, 1, wrong, "one of them")

    def chunks(self) -> Iterator[Rows]:
        """All rows in their order. Raises `InputError`: what stands there cannot be read, is no number, or the times
        of a series do not increase."""
        order = Order(self.where, self.clock)
        done = 0
        for part in self._all():
            columns = self._read(part)
            groups, group = _grouped(columns, self.by, part.size)
            if self.timefield:
                times = self._read_times(part, columns[self.timefield])
                order.check(part, times, groups, group)
            else:
                times = self._now + SECOND * np.arange(done, done + part.size, dtype=np.int64)
            values = np.stack([columns[name] for name in self.sensors]).astype(np.float64, copy=False)
            rows = Rows(0, times, values, groups, group)
            for first, last in _cuts(rows, 0, part.size):
                yield _between(rows, first, last, part.line(first))
            done += part.size

    def _all(self) -> Iterator[Part]:
        yield self._first
        yield from self._parts

    def _columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Which are read as numbers, and which as texts or as times."""
        time = (self.timefield,) if self.timefield else ()
        if self.clock.numbers:
            return (*self.sensors, *time), self.by
        return self.sensors, (*self.by, *time)

    def _read(self, part: Part) -> Columns:
        try:
            return part.read(*self._columns())
        except SensorsError:
            if self.timefield and self.clock.numbers:
                self._check_times(part)
            raise

    def _check_times(self, part: Part) -> None:
        """Raises `TimefieldError` where the column of times has something else than numbers."""
        for row, text in enumerate(part.read((), (self.timefield,))[self.timefield].tolist()):
            if not is_number(text) or not np.isfinite(float(text)):
                self._no_time(part, self.timefield, NoTimeError(row, text))

    def _read_times(self, part: Part, cells: Array) -> Ints:
        try:
            return self.clock.read(cells)
        except NoTimeError as error:
            self._no_time(part, self.timefield, error)

    def _no_time(self, part: Part, name: str, error: NoTimeError) -> NoReturn:
        # Of a number what stands there, and not what was made of it: 1.7e+18 is hard to find in a file.
        cell = part.read((), (name,))[name][error.row] if is_number(error.text) else error.text
        wrong, right = show(str(cell)), EXPECTED
        if is_time_of_day(error.text):
            wrong, right = f"{wrong}, a time of day without a date", "one column that has both is expected"
        raise TimefieldError(f"{self.where}:{part.line(error.row)}: {name} is {wrong}; {right}") from error

    def _times(self, timefield: str) -> tuple[str, Clock]:
        """The column of times and how they are written."""
        if timefield:
            self._known("timefield", (timefield,), TimefieldError)
            return timefield, self._clock(timefield)
        columns = self._form.columns
        named = [name for wanted in NAMES for name in columns if name == wanted]
        named += [name for wanted in NAMES for name in columns if name.lower() == wanted and name not in named]
        found: dict[str, Clock] = {}
        wrong: list[tuple[str, NoTimeError]] = []
        for name in named:
            try:
                found[name] = clock_of(self._head(name))
            except NoTimeError as error:
                wrong.append((name, error))
                continue
            steps = np.diff(found[name].read(self._head(name)))
            if (steps >= 0).all():
                # Of a date and a time of day in two columns the date alone would be one time for a day's rows.
                if not steps.all() and (beside := [one for one in wrong if is_time_of_day(one[1].text)]):
                    self._no_time(self._first, *beside[0])
                return name, found[name]
        if found:
            return next(iter(found.items()))
        if wrong:
            self._no_time(self._first, *wrong[0])
        return "", Clock("date")

    def _clock(self, name: str) -> Clock:
        try:
            return clock_of(self._head(name))
        except NoTimeError as error:
            self._no_time(self._first, name, error)

    def _head(self, name: str) -> Array:
        return self._first.read((), (name,))[name][:LOOKED_AT]

    def _sensors(self, wanted: Sequence[str]) -> tuple[str, ...]:
        found = self._form.numeric
        if wanted:
            names = self._known("sensors", wanted)
            if (text := next((name for name in names if name not in found), None)) is not None:
                self._no_numbers(text)
            return names
        taken = {self.timefield, *self.by}
        mixed = {n: cell for n, cell in self._form.mixed.items() if n not in taken and not _NO_NAME.fullmatch(n)}
        names = tuple(n for n in self._form.columns if n in found and n not in taken and not _NO_NAME.fullmatch(n))
        if not names:
            texts = [n for n in self._form.columns if n not in taken and not _NO_NAME.fullmatch(n)]
            if len(texts) == 1:
                self._no_numbers(texts[0])  # it is meant, and where it is none is known
            if mixed:
                name, (line, text) = min(mixed.items(), key=lambda item: item[1][0])
                no_number(self.where, line, name, text)
            fail(self.where, 1, "has no column of numbers beside the times", "at least one")
        self.left_out = tuple(
            f"{self.where}:{line}: {name} is {show(text)}; the column is left out"
            for name, (line, text) in mixed.items()
        )
        return names

    def _no_numbers(self, name: str) -> None:
        self._first.read((name,), ())
        fail(self.where, 1, f"{name} is no column of numbers", "one of them")

    def _known(self, what: str, names: Sequence[str], error: type[InputError] = SensorsError) -> tuple[str, ...]:
        """Raises ``error`` for one of ``names`` that is no column, or is there twice."""
        columns, seen = frozenset(self._form.columns), set[str]()
        for name in names:
            if name not in columns:
                known = [column for column in self._form.columns if not _NO_NAME.fullmatch(column)]
                raise error(f"{self.where}:1: has no column {show(name)} ({what}); {one_of(known, name)}")
            if name in seen:
                raise error(f"{self.where}:1: {what} has {show(name)} twice; each column once is expected")
            seen.add(name)
        return tuple(names)

    def close(self) -> None:
        self._form.close()

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def open_table(
    path: str | Path, choice: Choice = Choice(), *, now: int, name: str = "", growing: bool = False
) -> Table:
    """The table in ``path``: CSV, perhaps in gzip, Parquet by its ending, or ``-`` for CSV on standard input.

    ``now`` (ns): the time of the first row where the table has none. ``name``: in place of the file's. ``growing``:
    another program may be writing it, so the last row counts once its line has ended. Raises `InputError`.
    """
    text = str(path)
    form: Form = Parquet(text) if text.lower().endswith(ENDINGS) else Text(text, growing=growing)
    try:
        return Table(form, name or _stem(text), choice, now)
    except BaseException:
        form.close()
        raise


def _stem(path: str) -> str:
    return "stdin" if path == STANDARD else _ENDINGS.sub("", Path(path).name)


def _cuts(rows: Rows, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Slices of ``rows`` that are small as a panel, too, where each series has times of its own."""
    times, groups = len(np.unique(rows.times[first:last])), len(np.unique(rows.group[first:last]))
    if last - first < 2 or times * groups * len(rows.values) <= _CELLS_AT_ONCE:
        if last > first:
            yield first, last
        return
    middle = (first + last) // 2
    yield from _cuts(rows, first, middle)
    yield from _cuts(rows, middle, last)


def _between(rows: Rows, first: int, last: int, line: int) -> Rows:
    if (first, last) == (0, len(rows)):
        return replace(rows, line=line)
    there, group = np.unique(rows.group[first:last], return_inverse=True)
    groups = tuple(rows.groups[i] for i in there.tolist())
    return Rows(line, rows.times[first:last], rows.values[:, first:last], groups, group)


def _grouped(columns: Columns, by: Sequence[str], size: int) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    if not by:
        return ((),), np.zeros(size, np.int64)
    seen: dict[tuple[str, ...], int] = {}
    rows = zip(*(columns[name].tolist() for name in by), strict=True)
    group = np.fromiter((seen.setdefault(row, len(seen)) for row in rows), np.int64, size)
    return tuple(seen), group
