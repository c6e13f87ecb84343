"""Reads a file of samples: CSV, perhaps compressed with gzip, with the columns time, value and perhaps label."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import NoReturn

import numpy as np

from sentio.errors import EvaluationError
from sentio.types import MILLISECOND, SECOND, Floats, Ints

_MILLISECONDS_FROM = 1e11
"""As a number of seconds that is the year 5138, as one of milliseconds 1973."""
_LATEST_S = 9e9
"""Nanoseconds of an int64 end in 2262."""
_YEAR = 365.25 * 86_400 * SECOND
_FAR, _EMPTY = 5 * _YEAR, 10
"""A gap so long, and of so many times as many steps as there are samples, has a mistaken time at one of its ends."""
_TIME = "seconds or milliseconds since 1970, or a time such as 2024-05-01T12:00:00Z, are expected"
_LABELS = {"": 0, "0": 0, "1": 1, "0.0": 0, "1.0": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """``times [n]`` (ns, in the order of the file), ``values [n]`` (NaN where empty), ``labels [n]`` (1 inside an
    incident) or None where the file has no such column."""

    times: Ints
    values: Floats
    labels: Ints | None


@dataclass(frozen=True, slots=True)
class Rows:
    """``columns`` by name, each ``[n]``; ``lines [n]``: where in the file each row is."""

    path: Path
    columns: Mapping[str, list[str]]
    lines: list[int]

    def fail(self, row: int, wrong: str, right: str) -> NoReturn:
        """Raises `EvaluationError`."""
        fail(self.path, self.lines[row], wrong, right)


def read_samples(path: Path) -> Samples:
    """The samples of one file. Raises `EvaluationError` with the line that is wrong."""
    rows = read_rows(path, ("time", "value"), ("label",))
    times = _times(rows)
    _near(rows, times)
    if times.min() < 0:  # A judge, as Prometheus, knows times from 1970 on.
        row = int(times.argmin())
        rows.fail(row, f"time is {rows.columns['time'][row]!r}, before 1970", "times from then on are expected")
    return Samples(times, _values(rows), _flags(rows) if "label" in rows.columns else None)


def read_rows(path: Path, needed: Sequence[str], further: Sequence[str] = ()) -> Rows:
    """The columns ``needed``, and those of ``further`` that are there, as texts.

    Raises `EvaluationError`: a file that cannot be read or has no rows, a column that is missing or there twice, a line
    that is longer or shorter than the head.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, line) for line in reader if line]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        text = getattr(error, "strerror", None) or str(error)
        raise EvaluationError(f"{path}: cannot be read ({text}); a CSV file, or one in gzip, is expected") from error
    if not lines:
        fail(path, 1, "is empty", f"a line with the columns {' and '.join(needed)}, and rows below it, is expected")
    (top, names), *body = lines
    head = [name.strip().lower() for name in names]
    for name in needed:
        if name not in head:
            fail(path, top, f"has the columns {', '.join(head)}", f"{' and '.join(needed)} are expected")
    for name in (*needed, *further):
        if head.count(name) > 1:
            fail(path, top, f"has the column {name} twice", "each of them once is expected")
    if not body:
        fail(path, top, "has no rows below its head", "at least one is expected")
    for number, line in body:
        # One field more is as wrong as one less: of 51,76 with a decimal comma the half would be read.
        if len(line) != len(head):
            fail(path, number, f"has {len(line)} fields", f"{len(head)} are expected")
    at = {name: head.index(name) for name in (*needed, *further) if name in head}
    columns = {name: [line[column].strip() for _, line in body] for name, column in at.items()}
    return Rows(path, columns, [number for number, _ in body])


def fail(path: Path, line: int, wrong: str, right: str) -> NoReturn:
    """Raises `EvaluationError`."""
    raise EvaluationError(f"{path}:{line}: {wrong}; {right}")


def moment(text: str, zone: tzinfo = UTC) -> int:
    """Nanoseconds of one time: a number of seconds or milliseconds, or ISO 8601 (``zone`` where it names none).

    Raises `ValueError` for any other text.
    """
    try:
        number = float(text)
    except ValueError:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000) * MILLISECOND
    return int(_from_numbers(np.array([number]))[0])


def _from_numbers(numbers: Floats) -> Ints:
    """ns of seconds, or of milliseconds where that is what their size says. Raises `ValueError`."""
    seconds = numbers / 1000 if np.median(np.abs(numbers)) > _MILLISECONDS_FROM else numbers
    if not np.isfinite(seconds).all() or np.abs(seconds).max() > _LATEST_S:
        raise ValueError("no time")
    # Whole seconds stay whole: a double of nanoseconds would be some hundred of them off.
    whole = np.floor(seconds)
    milliseconds = np.round((seconds - whole) * 1000).astype(np.int64)
    return np.asarray(whole.astype(np.int64) * SECOND + milliseconds * MILLISECOND)


def _times(rows: Rows) -> Ints:
    texts = rows.columns["time"]
    try:
        return _from_numbers(np.array(texts, dtype=np.float64))
    except ValueError:
        pass  # one of them is no number: a time in words, or a mistake
    found = np.empty(len(texts), np.int64)
    for i, text in enumerate(texts):
        try:
            found[i] = moment(text)
        except ValueError:
            rows.fail(i, f"time is {text!r}", _TIME)
    return found


def _near(rows: Rows, times: Ints) -> None:
    """Raises `EvaluationError` where a mistaken time, such as 0, makes a gap that is nearly all of the series."""
    order = np.argsort(times, kind="stable")
    distances = np.diff(times[order].astype(np.float64))  # Two of nanoseconds may be further apart than an int64 holds.
    usual = np.median(distances[distances > 0]) if distances.any() else 1
    if not len(distances) or distances.max() < max(_FAR, _EMPTY * len(times) * usual):
        return
    at = int(distances.argmax())
    # The smaller part is the mistake.
    row, other = order[at : at + 2] if 2 * at < len(times) else order[at : at + 2][::-1]
    years = distances[at] / _YEAR
    wrong = f"time is {rows.columns['time'][row]!r}, {years:.0f} years from the nearest one"
    rows.fail(int(row), wrong, f"times near each other, such as {rows.columns['time'][other]!r}, are expected")


def _values(rows: Rows) -> Floats:
    texts = [text or "nan" for text in rows.columns["value"]]
    try:
        found = np.array(texts, dtype=np.float64)
    except ValueError:
        found = np.array([_number(text) for text in texts])
    if len(wrong := np.flatnonzero(np.isinf(found))):
        row = int(wrong[0])
        rows.fail(row, f"value is {texts[row]!r}", "a finite number, or nothing, is expected")
    return found


def _number(text: str) -> float:
    """Infinite where it is none."""
    try:
        return float(text)
    except ValueError:
        return np.inf


def _flags(rows: Rows) -> Ints:
    texts = rows.columns["label"]
    try:
        return np.array([_LABELS[text] for text in texts], np.int64)
    except KeyError:
        i = next(i for i, text in enumerate(texts) if text not in _LABELS)
        rows.fail(i, f"label is {texts[i]!r}", "0, or 1 inside an incident, is expected")
