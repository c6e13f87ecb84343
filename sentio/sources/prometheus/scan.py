"""Reads the series of a `query_range` answer out of its bytes into a matrix, and makes no object on the way.

`scan` knows one layout, which is what Prometheus, Thanos, Mimir, Cortex and VictoriaMetrics send, with blanks wherever
JSON allows them: an array of objects with ``metric``, ``values`` and ``histograms`` in any order, and samples of
``[seconds, "number"]`` in the order of their times. At anything else it is *lost*: the position is the end of the text
from then on, where nothing is found any more. What it is lost at is left to `sentio.sources.prometheus.plain`.

No number differs from Python's own in any bit; one that cannot be decided here is left to ``float``.

All in one file: Numba compiles a kernel anew when its own file has changed, not when that of a part of it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from sentio.compiled import kernel
from sentio.sources.prometheus.plain import TOLERANCE
from sentio.types import MILLISECOND, Floats, Ints

F = TypeVar("F", bound=Callable[..., Any])


def _part(function: F) -> F:
    """Part of the kernel `scan`. To the letter: where every bit counts, no sum may be taken in another order. And put
    in its place by force: a call would count who refers to the text, which takes longer than most parts do."""
    return cast(F, numba.njit(error_model="numpy", forceinline=True)(function))


Text = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Grid = tuple[int, int]
"""The first time and the step, in nanoseconds."""

LABELS, HISTOGRAMS, DROPPED = slice(0, 2), slice(2, 4), 4
"""The columns of `scan`'s ``series``."""


def _bytes(text: bytes) -> Text:
    return np.frombuffer(text, np.uint8)


_KEY_METRIC, _KEY_VALUES, _KEY_HISTOGRAMS = _bytes(b'"metric"'), _bytes(b'"values"'), _bytes(b'"histograms"')
_NAN, _INF = _bytes(b"NaN"), _bytes(b"Inf")
_QUOTE, _BACKSLASH, _COMMA, _COLON = ord('"'), ord("\\"), ord(","), ord(":")
_OPEN, _CLOSE, _OPEN_BRACE, _CLOSE_BRACE = ord("["), ord("]"), ord("{"), ord("}")
_PLUS, _MINUS, _POINT, _BIG_E, _SMALL_E = ord("+"), ord("-"), ord("."), ord("E"), ord("e")
_SPACE, _TAB, _NEWLINE, _RETURN = ord(" "), ord("\t"), ord("\n"), ord("\r")
_ZERO, _NINE = ord("0"), ord("9")


# The series.


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


@_part
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
        if labels == 0 and _is(text, at, _KEY_METRIC):
            labels = _blanks(text, _after(text, at + len(_KEY_METRIC), _COLON))
            at = labels_end = _balanced(text, labels)
        elif histograms == 0 and _is(text, at, _KEY_HISTOGRAMS):
            histograms = _blanks(text, _after(text, at + len(_KEY_HISTOGRAMS), _COLON))
            at = histograms_end = _balanced(text, histograms)
        elif dropped < 0 and _is(text, at, _KEY_VALUES):
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


@_part
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
        milliseconds, at = _time(text, _blanks(text, _after(text, at, _OPEN)))
        begin = _after(text, _after(text, at, _COMMA), _QUOTE)
        number, end, decided = _number(text, begin)
        earlier, column = column, _column(milliseconds * MILLISECOND, grid)
        if _byte(text, end) != _QUOTE or not earlier < column < len(row):
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


@_part
def _column(nanoseconds: np.int64, grid: Grid) -> np.int64:
    """The column of a time; one before the first where it is not on the grid."""
    start, step = grid
    column = (nanoseconds - start + step // 2) // step
    off = abs(start + column * step - nanoseconds)
    return column if off <= TOLERANCE else np.int64(-1)


# What JSON is made of. Every byte is read by `_byte` or `_word`, which look whether it is there.


@_part
def _byte(text: Text, at: int) -> int:
    """The byte at ``at``; past the end 0, which is part of nothing."""
    # Unsigned, because a negative index would count from the end, and Numba would look whether it is one.
    return int(text[np.uint64(at)]) if at < len(text) else 0


@_part
def _blanks(text: Text, at: int) -> int:
    """The position after the blanks."""
    while _byte(text, at) in (_SPACE, _NEWLINE, _RETURN, _TAB):
        at += 1
    return at


@_part
def _next(text: Text, at: int) -> int:
    """The first byte that is no blank."""
    return _byte(text, _blanks(text, at))


@_part
def _after(text: Text, at: int, sign: int) -> int:
    """The position after ``sign``, which may have blanks before it."""
    at = _blanks(text, at)
    return at + 1 if _byte(text, at) == sign else len(text)


@_part
def _is(text: Text, at: int, word: Text) -> bool:
    """Whether ``word`` begins at ``at``."""
    for i in range(len(word)):  # noqa: SIM110 # Numba compiles a loop
        if _byte(text, at + i) != word[i]:
            return False
    return True


@_part
def _balanced(text: Text, at: int) -> int:
    """The position after the object or array that begins at ``at``; its brackets are counted, no more."""
    lost = len(text)
    depth = 0
    while at < lost:
        sign = _byte(text, at)
        if sign == _QUOTE:
            at = _string(text, at)
        else:
            at += 1
            depth += sign in (_OPEN, _OPEN_BRACE)
            depth -= sign in (_CLOSE, _CLOSE_BRACE)
        if depth == 0:
            return at
    return lost


@_part
def _string(text: Text, at: int) -> int:
    """The position after the string that begins at ``at``."""
    at += 1
    while at < len(text):
        sign = _byte(text, at)
        if sign == _QUOTE:
            return at + 1
        at += 2 if sign == _BACKSLASH else 1
    return len(text)


# Numbers.

_U0, _U1, _U3, _U8, _U9, _U16, _U32, _U52, _U53, _U63 = (np.uint64(n) for n in (0, 1, 3, 8, 9, 16, 32, 52, 53, 63))
"""Numba makes a double of an unsigned and a signed number."""
_TENS: Words = 10 ** np.arange(20, dtype=np.uint64)
_DIGITS = 19
"""So many decimal digits always fit into 64 bits."""
_FULL = np.uint64(10 ** (_DIGITS - 1))
_HUGE = np.uint64(10_000)
"""An exponent beyond all."""
_SECOND_DIGITS, _LAST_SECOND = 10, np.uint64(9_000_000_000)
"""Times from there on may not fit into an int64 as nanoseconds."""


@_part
def _time(text: Text, at: int) -> tuple[np.int64, int]:
    """Seconds with at most three decimals, as milliseconds, and the position after them."""
    none = np.int64(0), len(text)
    whole, end = _digits(text, at, _U0)
    count = end - at
    if count == 0 or count > _SECOND_DIGITS or whole >= _LAST_SECOND or (count > 1 and _byte(text, at) == _ZERO):
        return none
    milliseconds = np.int64(whole) * 1000
    if _byte(text, end) != _POINT:
        return milliseconds, end
    at = end + 1
    part, end = _digits(text, at, _U0)
    count = end - at
    if count == 0 or count > 3:
        return none
    return milliseconds + np.int64(part * _TENS[3 - count]), end


@_part
def _number(text: Text, at: int) -> tuple[float, int, bool]:
    """The number at ``at``, the position after it, and whether it is decided. NaN for any that is not finite."""
    sign = _byte(text, at)
    at += sign in (_PLUS, _MINUS)
    mantissa, taken = _digits(text, at, _U0)
    if taken == at:
        return np.nan, _word_for_none(text, at), True
    end, whole = _rest(text, taken)
    exponent = np.int64(end - taken)
    if _byte(text, end) == _POINT:
        at = end + 1
        mantissa, taken = _digits(text, at, mantissa)
        exponent -= taken - at
        end, zeros = _rest(text, taken)
        whole = whole and zeros and end > at
    if _byte(text, end) in (_SMALL_E, _BIG_E):
        power, end = _exponent(text, end + 1)
        exponent += power
    number, decided = _double(mantissa, exponent)
    return -number if sign == _MINUS else number, end, decided and whole


@_part
def _word_for_none(text: Text, at: int) -> int:
    """The position after ``NaN`` or ``Inf``."""
    return at + len(_NAN) if _is(text, at, _NAN) or _is(text, at, _INF) else len(text)


@_part
def _exponent(text: Text, at: int) -> tuple[np.int64, int]:
    """What stands after an ``e``, and the position after that."""
    sign = _byte(text, at)
    at += sign in (_PLUS, _MINUS)
    size, end = _digits(text, at, _U0)
    power = np.int64(min(size, _HUGE))
    return -power if sign == _MINUS else power, end if end > at else len(text)


@_part
def _is_digit(text: Text, at: int) -> bool:
    return _ZERO <= _byte(text, at) <= _NINE


@_part
def _digits(text: Text, at: int, mantissa: np.uint64) -> tuple[np.uint64, int]:
    """``mantissa`` with the digits at ``at`` behind it, as many as fit, and the position after those."""
    while at + 8 <= len(text):
        word = _word(text, at)
        count = _leading_digits(word)
        if mantissa >= _TENS[_DIGITS - count]:
            break
        mantissa = mantissa * _TENS[count] + _eight(word, count)
        at += count
        if count < 8:
            return mantissa, at
    while mantissa < _FULL and _is_digit(text, at):
        mantissa = mantissa * _TENS[1] + np.uint64(_byte(text, at) - _ZERO)
        at += 1
    return mantissa, at


@_part
def _rest(text: Text, at: int) -> tuple[int, bool]:
    """The position after the digits that did not fit any more, and whether they are all zeros, which only shift."""
    zeros = True
    while _is_digit(text, at):
        zeros = zeros and _byte(text, at) == _ZERO
        at += 1
    return at, zeros


# Eight bytes at once, the first one in the lowest bits.

_EIGHT_ZEROS = np.uint64(0x3030_3030_3030_3030)
_ABOVE_NINE = np.uint64(0x7676_7676_7676_7676)
"""Added to a byte above nine, it makes its highest bit one."""
_HIGHEST = np.uint64(0x8080_8080_8080_8080)
_EVERY_FOURTH = np.uint64(0x0000_00FF_0000_00FF)
_FIRST_WEIGHTS, _SECOND_WEIGHTS = np.uint64(1_000_000 << 32 | 100), np.uint64(10_000 << 32 | 1)


@_part
def _word(text: Text, at: int) -> np.uint64:
    """The eight bytes at ``at``, which must be there."""
    word = _U0
    for i in range(8):
        word |= np.uint64(text[np.uint64(at + i)]) << np.uint64(8 * i)
    return word


@_part
def _leading_digits(word: np.uint64) -> int:
    """How many of the eight are digits, up to the first one that is none."""
    less = word ^ _EIGHT_ZEROS
    # A carry reaches only bytes behind one that is no digit.
    others = ((less + _ABOVE_NINE) | less) & _HIGHEST
    return (_bits(others & (~others + _U1)) - 1) // 8 if others else 8


@_part
def _eight(word: np.uint64, count: int) -> np.uint64:
    """The number that the first ``count`` digits make."""
    # Zeros in front push out what is behind; in two steps, because a shift by all 64 bits is not defined.
    half = np.uint64(4 * (8 - count))
    digits = (word ^ _EIGHT_ZEROS) << half << half
    pairs = digits * _TENS[1] + (digits >> _U8)
    first, second = pairs & _EVERY_FOURTH, (pairs >> _U16) & _EVERY_FOURTH
    return np.uint64((first * _FIRST_WEIGHTS + second * _SECOND_WEIGHTS) >> _U32)


@_part
def _bits(word: np.uint64) -> int:
    """As ``int.bit_length``."""
    count = 0
    while word:
        word >>= _U1
        count += 1
    return count


# From decimal to binary, by Lemire: Number Parsing at a Gigabyte per Second, 2021. That it is right for every number is
# shown in Mushtak and Lemire: Fast Number Parsing Without Fallback, 2023.


def _powers() -> Words:
    """``[e - _FIRST_POWER, 2]``: the first 128 bits of each power of ten, the upper half first."""
    rows = []
    for e in range(_FIRST_POWER, _LAST_POWER + 1):
        # 10**e, or 1 / 10**-e, with more bits than are wanted.
        many = 10**e << 128 if e >= 0 else (1 << 128 + (10**-e).bit_length()) // 10**-e
        bits = many >> (many.bit_length() - 128)
        # Cut off; only so that what comes out even is found to do so, the others are rounded up.
        bits += _FIRST_UP <= e < 0
        rows.append((bits >> 64, bits & (2**64 - 1)))
    return np.array(rows, np.uint64)


_FIRST_POWER, _LAST_POWER = -342, 308
"""With 19 digits before them, all below gives zero, and all above more than a double."""
_FIRST_UP = -27
_POWERS = _powers()
_FIRST_TIE, _LAST_TIE = -4, 23
"""With these exponents a number of 64 bits may be just between two doubles."""
_LOW_9, _LOW_32, _LOW_52 = (np.uint64(2**n - 1) for n in (9, 32, 52))


@_part
def _double(mantissa: np.uint64, exponent: np.int64) -> tuple[float, bool]:
    """``mantissa * 10 ** exponent`` as the nearest double, and whether it is decided: not where that is too small or
    too large for a normal one."""
    if mantissa == _U0:
        return 0.0, True
    if not _FIRST_POWER <= exponent <= _LAST_POWER:
        return 0.0, False
    shift = 64 - _bits(mantissa)
    mantissa <<= np.uint64(shift)
    power = exponent - _FIRST_POWER
    high, low = _product(mantissa, _POWERS[power, 0])
    if high & _LOW_9 == _LOW_9:
        more, _ = _product(mantissa, _POWERS[power, 1])
        low += more
        high += np.uint64(low < more)
    top = high >> _U63
    bits = high >> (top + _U9)
    if low <= _U1 and _FIRST_TIE <= exponent <= _LAST_TIE and bits & _U3 == _U1 and bits << (top + _U9) == high:
        bits -= _U1
    bits = (bits + (bits & _U1)) >> _U1
    # 217706 / 2**16 is log2(10), near enough for these exponents.
    binary = (217_706 * exponent >> 16) + 1023 + 63 - shift + np.int64(top) + np.int64(bits >> _U53)
    if not 0 < binary < 2047:
        return 0.0, False
    # Where rounding up has made it one bit longer, all others are zero.
    return np.uint64(np.uint64(binary) << _U52 | bits & _LOW_52).view(np.float64), True


@_part
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """All 128 bits of it, the upper half first."""
    a_high, a_low, b_high, b_low = a >> _U32, a & _LOW_32, b >> _U32, b & _LOW_32
    middle = a_high * b_low + (a_low * b_low >> _U32)
    other = a_low * b_high + (middle & _LOW_32)
    return a_high * b_high + (middle >> _U32) + (other >> _U32), a * b
