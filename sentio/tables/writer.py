"""Writes rows of a table with what was found of them: CSV, JSON lines or Parquet.

Columns: the time as it was read, the labels, each sensor; then for each sensor ``SCORE_<sensor>``, ``FLAG_<sensor>``
and ``<output>_<sensor>`` of every further output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
import pandas as pd

from sentio.errors import OutputError
from sentio.tables.blocks import STANDARD
from sentio.tables.parquet import ENDINGS, package
from sentio.tables.part import twice
from sentio.tables.reader import Rows, Table
from sentio.tables.replace import replacing, told
from sentio.tables.times import Clock
from sentio.types import MILLISECOND, SECOND, Floats, Ints

Form = Literal["csv", "jsonl", "parquet"]
TIME = "time"
_CELLS_AT_ONCE = 4_000_000
"""Of a row group of Parquet."""


class Writer(Protocol):
    """Takes rows in their order."""

    def write(self, rows: Rows, scores: Floats, flags: Floats, further: Mapping[str, Floats]) -> None:
        """``scores``, ``flags`` (0 or 1) and each of ``further``: ``[sensors, n]``, NaN where there is nothing to say.

        Raises `OutputError`.
        """
        ...


@contextmanager
def writing(path: str | Path, table: Table, outputs: Sequence[str] = (), form: Form | None = None) -> Iterator[Writer]:
    """A `Writer` to ``path``, which has all of it once the block has ended, and nothing of it before or after an error;
    ``-``, standard output, gets it as it comes.

    ``form``: by the ending of ``path`` where none is given, else CSV. ``outputs``: names of what ``further`` has.
    Raises `OutputError`, and `ModuleError` where Parquet cannot be written.
    """
    text, kind = str(path), form or form_of(str(path))
    if kind == "parquet":
        if text == STANDARD:
            raise OutputError("standard output: cannot take Parquet; a file, csv or jsonl is expected")
        package(text)
        with replacing(text) as beside:
            whole = _Parquet(str(beside), table, outputs)
            yield whole
            whole.end()
        return
    with _lines(text, table, outputs, kind) as lines:
        yield lines


def form_of(path: str) -> Form:
    """By its ending."""
    if path.lower().endswith(ENDINGS):
        return "parquet"
    return "jsonl" if path.lower().endswith((".jsonl", ".ndjson")) else "csv"


@contextmanager
def _lines(path: str, table: Table, outputs: Sequence[str], form: Form) -> Iterator[_Lines]:
    if path == STANDARD:
        if sys.stdout is None:
            raise OutputError("standard output: is closed; one that is open, or a file, is expected")
        with told("standard output"):
            yield _Lines(sys.stdout, table, outputs, form)
            sys.stdout.flush()
        return
    with replacing(path, streamed=True) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        yield _Lines(file, table, outputs, form)
        file.flush()


def names_of(table: Table, outputs: Sequence[str]) -> list[str]:
    """The columns that are written. Raises `OutputError` where two would be called the same."""
    found = [TIME, *table.by, *table.sensors]
    for sensor in table.sensors:
        found += [f"SCORE_{sensor}", f"FLAG_{sensor}", *(f"{output}_{sensor}" for output in outputs)]
    if (name := twice(found)) is not None:
        raise OutputError(f"{table.where}: has a column {name}, which is written beside it; another name is expected")
    return found


class _Lines:
    """A `Writer` of text."""

    def __init__(self, file: IO[str], table: Table, outputs: Sequence[str], form: Form) -> None:
        self._file, self._table, self._outputs = file, table, tuple(outputs)
        self._json = form == "jsonl"
        self._names = names_of(table, outputs)
        keys = [json.dumps(name, ensure_ascii=False).replace("%", "%%") for name in self._names]
        self._shape = "{" + ",".join(f"{key}:%s" for key in keys) + "}\n"
        if not self._json:
            file.write(",".join(map(_field, self._names)) + "\n")

    def write(self, rows: Rows, scores: Floats, flags: Floats, further: Mapping[str, Floats]) -> None:
        """`Writer.write`."""
        columns = [self._times(rows.times), *self._labels(rows)]
        columns += [_numbers(values, self._none) for values in rows.values]
        for j in range(len(self._table.sensors)):
            columns += [_numbers(scores[j], self._none), _truths(flags[j], self._none)]
            columns += [_numbers(further[output][j], self._none) for output in self._outputs]
        lines = zip(*columns, strict=True)
        if self._json:
            self._file.write("".join([self._shape % line for line in lines]))
        else:
            self._file.write("".join([",".join(line) + "\n" for line in lines]))

    @property
    def _none(self) -> str:
        return "null" if self._json else ""

    def _times(self, times: Ints) -> list[str]:
        texts = list(map(self._table.clock.write, times.tolist()))
        return [f'"{text}"' for text in texts] if self._json and not self._table.clock.numbers else texts

    def _labels(self, rows: Rows) -> list[list[str]]:
        shown = (lambda text: json.dumps(text, ensure_ascii=False)) if self._json else _field
        groups = [[shown(text) for text in group] for group in rows.groups]
        return [[groups[g][i] for g in rows.group.tolist()] for i in range(len(self._table.by))]


def _field(text: str) -> str:
    """A field of CSV."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\r\n') else text


def _numbers(values: Floats, none: str) -> list[str]:
    # repr: the shortest text that is read back as the same double.
    return [none if v != v else repr(v).removesuffix(".0") for v in values.tolist()]


def _truths(flags: Floats, none: str) -> list[str]:
    return [none if v != v else "true" if v else "false" for v in flags.tolist()]


class _Parquet:
    """A `Writer` of Parquet; rows are kept until there are enough for a row group."""

    def __init__(self, path: str, table: Table, outputs: Sequence[str]) -> None:
        self._path, self._table, self._outputs = path, table, tuple(outputs)
        self._names = names_of(table, outputs)
        self._kept: list[Any] = []
        self._rows, self._begun = 0, False

    def write(self, rows: Rows, scores: Floats, flags: Floats, further: Mapping[str, Floats]) -> None:
        """`Writer.write`."""
        columns: list[Any] = [_moments(self._table.clock, rows.times)]
        columns += [[rows.groups[g][i] for g in rows.group.tolist()] for i in range(len(self._table.by))]
        columns += list(rows.values)
        for j in range(len(self._table.sensors)):
            flag = pd.array(np.nan_to_num(flags[j]) > 0, dtype="boolean")
            flag[np.isnan(flags[j])] = pd.NA
            columns += [scores[j], flag, *(further[output][j] for output in self._outputs)]
        self._kept.append(pd.DataFrame(dict(zip(self._names, columns, strict=True))))
        self._rows += len(rows)
        if self._rows * len(self._names) >= _CELLS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._kept:
            frame = pd.concat(self._kept, ignore_index=True)
            package(self._path).write(self._path, frame, append=self._begun, compression="SNAPPY", write_index=False)
            self._kept, self._rows, self._begun = [], 0, True

    def end(self) -> None:
        """Write what is kept."""
        self._flush()


def _moments(clock: Clock, times: Ints) -> Any:
    if clock.numbers:
        # In two parts, for a double of nanoseconds would be some hundred of them off.
        whole, rest = np.divmod(times, parts := SECOND if clock.unit == "s" else MILLISECOND)
        return whole + rest / parts
    return pd.to_datetime(times, utc=True)
