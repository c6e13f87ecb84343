"""What the forms of a table have in common: columns by name, and rows in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NoReturn, Protocol

import numpy as np

from sentio.config.misfit import show
from sentio.errors import InputError, SensorsError
from sentio.types import Array, Floats, Ints

Columns = dict[str, Array]


class Part(Protocol):
    """Rows that follow one another."""

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def line(self, row: int) -> int:
        """The line of the file that ``row`` begins in, from 1; of a file without lines, its number among the rows."""
        ...

    def lines(self, rows: Ints) -> Ints:
        """`line` of each of ``rows [k]``."""
        ...

    def read(self, numbers: Sequence[str], texts: Sequence[str]) -> Columns:
        """Columns: ``numbers`` as float64, NaN where there is none, and ``texts`` as objects of `str`, or as times of
        NumPy's. Raises `InputError` where a number is expected and none is."""
        ...


class Form(Protocol):
    """A file that is open."""

    columns: tuple[str, ...]
    """All names, in the order of the file."""
    numeric: frozenset[str]
    """Those of the columns that have numbers, as far as the first part tells."""
    mixed: Mapping[str, tuple[int, str]]
    """Those that have numbers there and something else: its line and text, where it is first."""
    where: str
    """The file, as errors name it."""

    def parts(self) -> Iterator[Part]:
        """The rows, once. Raises `InputError`."""
        ...

    def close(self) -> None: ...


def twice(names: Iterable[str]) -> str | None:
    """The first of ``names`` that is there a second time."""
    seen = set[str]()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def fail(where: str, line: int, wrong: str, right: str, error: type[InputError] = SensorsError) -> NoReturn:
    """Raises ``error``: *file:line: what is wrong; what would be right*."""
    raise error(f"{where}:{line}: {wrong}; {right} is expected" if line else f"{where}: {wrong}; {right} is expected")


def no_number(where: str, line: int, name: str, text: str) -> NoReturn:
    fail(where, line, f"{name} is {show(text)}", "a finite number, or nothing,")


def finite(where: str, part: Part, name: str, values: Floats) -> None:
    """Raises `SensorsError` where one of ``values [n]`` is infinite."""
    if len(infinite := np.flatnonzero(np.isinf(values))):
        row = int(infinite[0])
        no_number(where, part.line(row), name, str(part.read((), (name,))[name][row]))
