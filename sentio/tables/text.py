"""A table as text: CSV with commas, tabs or semicolons.

A field with a separator, a quotation mark or the end of a line in it stands in quotation marks, and a mark within is
doubled, as in RFC 4180.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from sentio.config.misfit import show
from sentio.errors import SensorsError
from sentio.tables.blocks import STANDARD, Blocks
from sentio.tables.part import Columns, fail, finite, no_number, twice
from sentio.tables.times import is_number
from sentio.types import Ints

NONE = ("", "NaN", "nan", "NAN", "-nan", "null", "NULL", "Null", "None", "NA", "N/A", "n/a", "#N/A", "<NA>")
"""What stands for no sample."""
_NONE = frozenset(NONE)
HEADLESS = "value"
"""The name of the one column of a file without names."""

_SEPARATORS = b",\t;"
_MARK, _END, _RETURN = 34, 10, 13
_ANSWERS_EXACTLY = tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
_PARSER: dict[str, Any] = {} if _ANSWERS_EXACTLY else {"float_precision": "round_trip"}


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where the rows of a block lie: ``starts [n]`` and ``ends [n]`` in bytes, and how many ``fields [n]`` each has.

    ``stray``: where a carriage return stands by itself, outside quotation marks; -1 for none."""

    starts: Ints
    ends: Ints
    fields: Ints
    stray: int

    @classmethod
    def of(cls, data: bytes, separator: int) -> Shape:
        """Rows without anything in them are none."""
        block = np.frombuffer(data, np.uint8)
        breaks, marks = block == _END, block == separator
        returns = block == _RETURN
        if _MARK in data:
            outside = np.cumsum(block == _MARK, dtype=np.int32) % 2 == 0
            breaks, marks, returns = breaks & outside, marks & outside, returns & outside
        stray = np.flatnonzero(returns[:-1] & ~breaks[1:])
        ends, between = np.flatnonzero(breaks), np.flatnonzero(marks)
        if not len(ends) or ends[-1] != len(block) - 1:
            ends = np.append(ends, len(block))
        starts = np.append(0, ends[:-1] + 1)
        fields = np.diff(np.searchsorted(between, ends), prepend=0) + 1
        length = ends - starts
        empty = (length == 0) | ((length == 1) & (block[np.minimum(starts, len(block) - 1)] == _RETURN))
        return cls(starts[~empty], ends[~empty], fields[~empty], int(stray[0]) if len(stray) else -1)


class Block:
    """A `sentio.tables.part.Part`: rows as bytes, that begin with the line ``first``."""

    def __init__(self, where: str, first: int, data: bytes, separator: int, columns: Sequence[str]) -> None:
        self._where, self._first, self._data = where, first, data
        self._separator, self._columns = separator, columns
        self._at = {name: i for i, name in enumerate(columns)}
        self._check()

    def _check(self) -> None:
        """Raises `SensorsError` for what is no text, and for a row that is longer or shorter than the head."""
        as_text(self._where, self._first, self._data)
        if (stray := self._shape.stray) >= 0:
            _stray(self._where, self._first + self._data.count(b"\n", 0, stray))
        if len(ragged := np.flatnonzero(self._shape.fields != len(self._columns))):
            row = int(ragged[0])
            wrong = f"has {self._shape.fields[row]} fields"
            fail(self._where, self.line(row), wrong, f"{len(self._columns)}, as many as the first line has,")

    @cached_property
    def _shape(self) -> Shape:
        return Shape.of(self._data, self._separator)

    @property
    def size(self) -> int:
        return len(self._shape.starts)

    def line(self, row: int) -> int:
        return self._first + self._data.count(b"\n", 0, int(self._shape.starts[row]))

    def lines(self, rows: Ints) -> Ints:
        breaks = np.flatnonzero(np.frombuffer(self._data, np.uint8) == _END)
        return self._first + np.searchsorted(breaks, self._shape.starts[rows])

    def read(self, numbers: Sequence[str], texts: Sequence[str]) -> Columns:
        """`Part.read`."""
        try:
            frame = self._parsed(numbers, texts)
        except ValueError as error:
            self._explain(numbers)
            text = f"{self._where}:{self._first}: cannot be read ({error}); rows of a CSV file are expected"
            raise SensorsError(text) from error
        if len(frame) != self.size:
            wrong = "has, in this line or below, a quotation mark within a field"
            fail(self._where, self._first, wrong, "a field in quotation marks, with the mark doubled,")
        found: Columns = {name: frame[self._at[name]].to_numpy(np.float64) for name in numbers}
        for name in numbers:
            finite(self._where, self, name, found[name])
        return found | {name: frame[self._at[name]].to_numpy(object) for name in texts}

    def _parsed(self, numbers: Sequence[str], texts: Sequence[str]) -> Any:
        kinds: dict[int, str] = {self._at[name]: "float64" for name in numbers}
        kinds |= {self._at[name]: "str" for name in texts}
        if not self.size or not kinds:
            return pd.DataFrame({column: np.empty(self.size, object) for column in kinds}).astype(kinds)
        none = {column: list(NONE) for column, kind in kinds.items() if kind != "str"}
        return pd.read_csv(
            io.BytesIO(self._data), sep=chr(self._separator), header=None, names=list(range(len(self._columns))),
            usecols=list(kinds), dtype=kinds, na_values=none,
            keep_default_na=False, skipinitialspace=True, index_col=False, low_memory=False, **_PARSER,
        )  # fmt: skip

    def _explain(self, numbers: Sequence[str]) -> None:
        """Raises `SensorsError` for the first cell of ``numbers`` that is none."""
        cells = self.read((), numbers)
        wrong = (
            (row, name, text)
            for name in numbers
            for row, text in enumerate(cells[name].tolist())
            if text.strip() not in _NONE and not is_number(text)
        )
        if found := min(wrong, default=None):
            no_number(self._where, self.line(found[0]), found[1], found[2])

    def kinds(self) -> tuple[frozenset[str], Mapping[str, tuple[int, str]]]:
        """The columns with numbers alone, and those with numbers and something else: its line and text, where it is
        first."""
        numeric, mixed = set[str](), dict[str, tuple[int, str]]()
        for name, cells in self.read((), self._columns).items():
            texts = cells.tolist()
            other = (i for i, text in enumerate(texts) if not is_number(text) and text.strip() not in _NONE)
            row = next(other, None)
            if row is None:
                numeric.add(name)
            elif any(map(is_number, texts)):
                mixed[name] = self.line(row), texts[row]
        return frozenset(numeric), mixed


def _stray(where: str, line: int) -> NoReturn:
    fail(where, line, "has a carriage return that ends no line", "a line that ends with a line feed")


def as_text(where: str, first: int, data: bytes) -> str:
    """Raises `SensorsError` where ``data``, which begins with the line ``first``, is no text in UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        fail(where, first, "is UTF-16", "UTF-8")
    if (at := data.find(0)) >= 0:
        fail(where, first + data.count(b"\n", 0, at), "is not text", "a CSV file in UTF-8, or one of them in gzip,")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + data.count(b"\n", 0, error.start)
        fail(where, line, f"has the byte 0x{data[error.start]:02x}, which is not UTF-8", "UTF-8")


class Text:
    """A `sentio.tables.part.Form` of a file of text; ``-`` is standard input.

    ``growing``: somebody appends to it. A last row without the end of its line may be half of one, and is none yet.
    """

    def __init__(self, path: str, *, growing: bool = False) -> None:
        self.where = "standard input" if path == STANDARD else path
        self._growing = growing
        self._file = Blocks(path, self.where, growing=growing)
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        self._blocks = iter(self._file)
        line, data = next(self._blocks, (1, b""))
        data = data.removeprefix(b"\xef\xbb\xbf")
        text = as_text(self.where, line, data)
        if not text.strip():
            wrong = "has no line yet that has ended" if self._growing else "is empty"
            fail(self.where, 1, wrong, "a line with the names of the columns, and rows below it,")
        # Empty lines may stand above the head.
        skipped = len(data) - len(data.lstrip(b"\r\n"))
        line, data = line + data.count(b"\n", 0, skipped), data[skipped:]
        shape = Shape.of(data, _SEPARATORS[0])
        end = int(shape.ends[0])
        if 0 <= shape.stray < end:
            _stray(self.where, line)
        head = data[:end].decode()
        self._separator = _separator(head)
        fields = self._fields(line, head)
        if len(fields) == 1 and is_number(fields[0]):
            self.columns: tuple[str, ...] = (HEADLESS,)
        else:
            self.columns = self._names(line, fields)
            line, data = line + data.count(b"\n", 0, end + 1), data[end + 1 :]
        if not data.strip():
            line, data = next(self._blocks, (line, b""))
        if not data.strip():
            right = "at least one row, with the end of its line," if self._growing else "at least one row"
            fail(self.where, 1, "has no rows below its names", right)
        self._first = Block(self.where, line, data, self._separator, self.columns)
        self.numeric, self.mixed = self._first.kinds()

    def _fields(self, line: int, head: str) -> list[str]:
        try:
            return next(csv.reader([head], delimiter=chr(self._separator), skipinitialspace=True))
        except csv.Error as error:
            text = f"{self.where}:{line}: cannot be read ({error}); a line with the names of the columns is expected"
            raise SensorsError(text) from error

    def _names(self, line: int, fields: list[str]) -> tuple[str, ...]:
        names = tuple(field.strip() for field in fields)
        if all(map(is_number, names)):
            fail(self.where, line, f"is {show(', '.join(names))}", "a line with the names of the columns")
        if (name := twice(filter(None, names))) is not None:
            fail(self.where, line, f"has the column {show(name)} twice", "a name for each column")
        # Those without a name are never asked for.
        return tuple(name or f"Unnamed: {i}" for i, name in enumerate(names))

    def parts(self) -> Iterator[Block]:
        """`Form.parts`."""
        yield self._first
        for line, data in self._blocks:
            yield Block(self.where, line, data, self._separator, self.columns)

    def close(self) -> None:
        self._file.close()


def _separator(head: str) -> int:
    """The one that the names are separated by: the one there is most of, outside quotation marks."""
    bare = "".join(head.split('"')[::2])
    return max(_SEPARATORS, key=lambda mark: bare.count(chr(mark)))
