"""Reads the series of a `query_range` answer out of its bytes into a matrix, and makes no object on the way.

`scan` knows one layout, which is what Prometheus, Thanos, Mimir, Cortex and VictoriaMetrics send, with blanks wherever
JSON allows them: an array of objects with ``metric``, ``values`` and ``histograms`` in any order, and samples of
``[seconds, "number"]`` in the order of their times. At anything else it is *lost*: the position is the end of the text
from then on, where nothing is found any more. What it is lost at is left to `sentio.sources.prometheus.plain`.

No number differs from Python's own in any bit; one that cannot be decided here is left to ``float``.
"""

from __future__ import annotations

import numpy as np

from sentio.compiled import kernel
from sentio.sources.prometheus.bytewise import Text, begins, byte, inlined, signs
from sentio.sources.prometheus.numerals import read_number, read_time
from sentio.sources.prometheus.plain import TOLERANCE
from sentio.types import MILLISECOND, Floats, Ints

Grid = tuple[int, int]
"""The first time and the step, in nanoseconds."""

LABELS, HISTOGRAMS, DROPPED = slice(0, 2), slice(2, 4), 4
"""The columns of `scan`'s ``series``."""

_KEY_METRIC, _KEY_VALUES, _KEY_HISTOGRAMS = signs(b'"metric"'), signs(b'"values"'), signs(b'"histograms"')
_QUOTE, _BACKSLASH, _COMMA, _COLON = ord('"'), ord("\\"), ord(","), ord(":")
_OPEN, _CLOSE, _OPEN_BRACE, _CLOSE_BRACE = ord("["), ord("]"), ord("{"), ord("}")
_SPACE, _TAB, _NEWLINE, _RETURN = ord(" "), ord("\t"), ord("\n"), ord("\r")


@kernel
def braces(text: Text) -> int:
    """How many objects may begin in it."""
    count = 0
    for i in range(len(text)):
        count += text[i] == _OPEN_BRACE
    return count


@kernel
def scan(text: Text, at: int, grid: Grid, values: Floats, series: Ints, late: Ints) -> tuple[int, int, int]:
    """Reads the array of series that begins at ``text[at]``.

    ``values [R, n]``: the samples of the first R series on ``grid``, NaN where there is none. ``series [S, 5]``, S at
    least as large as the array can be: where the labels of each begin and end, where its histograms do (0 where it has
    none), and how many of its samples were not finite (-1 where it has no ``values``). ``late [L, 4]``: row, column,
    begin and end of each number that is left to ``float``, also for the rows beyond R.

    Returns how many series there are, the position after the array (the text's end when lost), and how many are late.
    """
    lost = len(text)
    spare = np.empty(values.shape[1])
    count = waiting = 0
    at = _after(text, at, _OPEN)
    if _next(text, at) == _CLOSE:
        return 0, _after(text, at, _CLOSE), 0
    while at < lost and count < len(series):
        row = values[count] if count < len(values) else spare
        at, waiting = _series(text, at, grid, row, series[count], late, waiting, count)
        count += 1
        if _next(text, at) == _CLOSE:
            return count, _after(text, at, _CLOSE), waiting
        at = _after(text, at, _COMMA)
    return count, lost, waiting


@inlined
def _series(
    text: Text, at: int, grid: Grid, row: Floats, about: Ints, late: Ints, waiting: int, index: int
) -> tuple[int, int]:
    """Reads one series into ``row [n]`` and ``about [5]``; the position after it, and how many are late by now."""
    lost = len(text)
    labels = labels_end = histograms = histograms_end = 0
    dropped = -1
    at = _after(text, at, _OPEN_BRACE)
    while at < lost:
        at = _blanks(text, at)
        if labels == 0 and begins(text, at, _KEY_METRIC):
            labels = _blanks(text, _after(text, at + len(_KEY_METRIC), _COLON))
            at = labels_end = _balanced(text, labels)
        elif histograms == 0 and begins(text, at, _KEY_HISTOGRAMS):
            histograms = _blanks(text, _after(text, at + len(_KEY_HISTOGRAMS), _COLON))
            at = histograms_end = _balanced(text, histograms)
        elif dropped < 0 and begins(text, at, _KEY_VALUES):
            at = _after(text, at + len(_KEY_VALUES), _COLON)
            at, waiting, dropped = _samples(text, at, grid, row, late, waiting, index)
        else:
            return lost, waiting
        if _next(text, at) == _CLOSE_BRACE:
            break
        at = _after(text, at, _COMMA)
    if labels == 0 or (dropped < 0 and histograms == 0):
        return lost, waiting
    about[0], about[1], about[2], about[3], about[4] = labels, labels_end, histograms, histograms_end, dropped
    return _after(text, at, _CLOSE_BRACE), waiting


@inlined
def _samples(
    text: Text, at: int, grid: Grid, row: Floats, late: Ints, waiting: int, index: int
) -> tuple[int, int, int]:
    """Reads an array of samples into ``row``; the position after it, how many are late by now, and how many were not
    finite."""
    lost = len(text)
    row[:] = np.nan
    dropped = 0
    column = np.int64(-1)
    at = _after(text, at, _OPEN)
    if _next(text, at) == _CLOSE:
        return _after(text, at, _CLOSE), waiting, dropped
    while at < lost:
        milliseconds, at = read_time(text, _blanks(text, _after(text, at, _OPEN)))
        begin = _after(text, _after(text, at, _COMMA), _QUOTE)
        number, end, decided = read_number(text, begin)
        earlier, column = column, _column(milliseconds * MILLISECOND, grid)
        if byte(text, end) != _QUOTE or not earlier < column < len(row):
            return lost, waiting, dropped
        at = _after(text, end + 1, _CLOSE)
        if not decided:
            if waiting == len(late):
                return lost, waiting, dropped
            late[waiting, 0], late[waiting, 1], late[waiting, 2], late[waiting, 3] = index, column, begin, end
            waiting += 1
        elif np.isfinite(number):
            row[column] = number
        else:
            dropped += 1
        if _next(text, at) == _CLOSE:
            return _after(text, at, _CLOSE), waiting, dropped
        at = _after(text, at, _COMMA)
    return lost, waiting, dropped


@inlined
def _column(nanoseconds: np.int64, grid: Grid) -> np.int64:
    """The column of a time; one before the first where it is not on the grid."""
    start, step = grid
    column = (nanoseconds - start + step // 2) // step
    off = abs(start + column * step - nanoseconds)
    return column if off <= TOLERANCE else np.int64(-1)


# What JSON is made of.


@inlined
def _blanks(text: Text, at: int) -> int:
    """The position after the blanks."""
    while byte(text, at) in (_SPACE, _NEWLINE, _RETURN, _TAB):
        at += 1
    return at


@inlined
def _next(text: Text, at: int) -> int:
    """The first byte that is no blank."""
    return byte(text, _blanks(text, at))


@inlined
def _after(text: Text, at: int, sign: int) -> int:
    """The position after ``sign``, which may have blanks before it."""
    at = _blanks(text, at)
    return at + 1 if byte(text, at) == sign else len(text)


@inlined
def _balanced(text: Text, at: int) -> int:
    """The position after the object or array that begins at ``at``; its brackets are counted, no more."""
    lost = len(text)
    depth = 0
    while at < lost:
        sign = byte(text, at)
        if sign == _QUOTE:
            at = _string(text, at)
        else:
            at += 1
            depth += sign in (_OPEN, _OPEN_BRACE)
            depth -= sign in (_CLOSE, _CLOSE_BRACE)
        if depth == 0:
            return at
    return lost


@inlined
def _string(text: Text, at: int) -> int:
    """The position after the string that begins at ``at``."""
    at += 1
    while at < len(text):
        sign = byte(text, at)
        if sign == _QUOTE:
            return at + 1
        at += 2 if sign == _BACKSLASH else 1
    return len(text)
