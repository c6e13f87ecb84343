"""A table as Parquet, read row group by row group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sentio.errors import ModuleError, SensorsError
from sentio.tables.part import Columns, fail, finite
from sentio.types import Ints

ENDINGS = (".parquet", ".parq", ".pq")
_ROWS = 50_000
"""Of a part at most: a row group may have a million."""


def package(path: str) -> Any:
    """The package that reads and writes it. Raises `ModuleError` where it is not installed."""
    try:
        import fastparquet
    except ImportError as error:
        raise ModuleError(
            f"{path}: is Parquet, and the package fastparquet is not there ({error}); "
            "pip install 'sentio[parquet]' is expected"
        ) from error
    return fastparquet


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A `sentio.tables.part.Part`; ``first``: the number of its first row, from 1."""

    where: str
    first: int
    frame: Any

    @property
    def size(self) -> int:
        return len(self.frame)

    def line(self, row: int) -> int:
        return self.first + row

    def lines(self, rows: Ints) -> Ints:
        return self.first + rows

    def read(self, numbers: Sequence[str], texts: Sequence[str]) -> Columns:
        """`Part.read`."""
        found: Columns = {}
        for name in numbers:
            found[name] = self.frame[name].to_numpy(np.float64, na_value=np.nan)
            finite(self.where, self, name, found[name])
        return found | {name: _texts(self.frame[name]) for name in texts}


def _texts(column: Any) -> Any:
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy()
    return np.array(["" if text is None or text != text else str(text) for text in column.tolist()], dtype=object)


class Parquet:
    """A `sentio.tables.part.Form`."""

    def __init__(self, path: str) -> None:
        self.where = path
        made = package(path).ParquetFile
        if Path(path).is_dir():
            fail(path, 0, "is a folder", "a file")
        if not Path(path).exists():
            fail(path, 0, "is not there", "a file of samples")
        try:
            self._file = made(path)
        except Exception as error:  # the package raises whatever a damaged file makes of it
            raise _damaged(path, error) from error
        self.columns = tuple(map(str, self._file.columns))
        self._parts = self._read()
        first = next(self._parts, None)
        if first is None:
            fail(path, 0, "has no rows", "at least one row")
        self._first = first
        self.numeric = frozenset(
            name
            for name in self.columns
            if pd.api.types.is_numeric_dtype(first.frame[name]) and not pd.api.types.is_bool_dtype(first.frame[name])
        )
        self.mixed: Mapping[str, tuple[int, str]] = {}  # a column has one type

    def parts(self) -> Iterator[Rows]:
        """`Form.parts`."""
        yield self._first
        yield from self._parts

    def _read(self) -> Iterator[Rows]:
        before = 0
        groups = self._file.iter_row_groups(index=False)
        while True:
            try:
                frame = next(groups, None)
            except Exception as error:  # as above
                raise _damaged(self.where, error) from error
            if frame is None:
                return
            for start in range(0, len(frame), _ROWS):
                yield Rows(self.where, before + start + 1, frame.iloc[start : start + _ROWS])
            before += len(frame)

    def close(self) -> None:
        """Nothing is held open between two row groups."""


def _damaged(path: str, error: Exception) -> SensorsError:
    text = (str(error) or type(error).__name__).splitlines()[0]
    return SensorsError(f"{path}: cannot be read ({text}); a Parquet file is expected")
