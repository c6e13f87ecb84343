"""Numbers, out of the bytes that say them, and bit for bit as Python reads them.

Every byte is read by `byte` or `_word`, which look whether it is there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentio.sources.prometheus.bytewise import Text, begins, byte, inlined, signs

Words = npt.NDArray[np.uint64]
_NAN, _INF = signs(b"NaN"), signs(b"Inf")
_PLUS, _MINUS, _POINT, _BIG_E, _SMALL_E = ord("+"), ord("-"), ord("."), ord("E"), ord("e")
_ZERO, _NINE = ord("0"), ord("9")
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


@inlined
def read_time(text: Text, at: int) -> tuple[np.int64, int]:
    """Seconds with at most three decimals, as milliseconds, and the position after them."""
    none = np.int64(0), len(text)
    whole, end = _digits(text, at, _U0)
    count = end - at
    if count == 0 or count > _SECOND_DIGITS or whole >= _LAST_SECOND or (count > 1 and byte(text, at) == _ZERO):
        return none
    milliseconds = np.int64(whole) * 1000
    if byte(text, end) != _POINT:
        return milliseconds, end
    at = end + 1
    part, end = _digits(text, at, _U0)
    count = end - at
    if count == 0 or count > 3:
        return none
    return milliseconds + np.int64(part * _TENS[3 - count]), end


@inlined
def read_number(text: Text, at: int) -> tuple[float, int, bool]:
    """The number at ``at``, the position after it, and whether it is decided. NaN for any that is not finite."""
    sign = byte(text, at)
    at += sign in (_PLUS, _MINUS)
    mantissa, taken = _digits(text, at, _U0)
    if taken == at:
        return np.nan, _word_for_none(text, at), True
    end, whole = _rest(text, taken)
    exponent = np.int64(end - taken)
    if byte(text, end) == _POINT:
        at = end + 1
        mantissa, taken = _digits(text, at, mantissa)
        exponent -= taken - at
        end, zeros = _rest(text, taken)
        whole = whole and zeros and end > at
    if byte(text, end) in (_SMALL_E, _BIG_E):
        power, end = _exponent(text, end + 1)
        exponent += power
    number, decided = _double(mantissa, exponent)
    return -number if sign == _MINUS else number, end, decided and whole


@inlined
def _word_for_none(text: Text, at: int) -> int:
    """The position after ``NaN`` or ``Inf``."""
    return at + len(_NAN) if begins(text, at, _NAN) or begins(text, at, _INF) else len(text)


@inlined
def _exponent(text: Text, at: int) -> tuple[np.int64, int]:
    """What stands after an ``e``, and the position after that."""
    sign = byte(text, at)
    at += sign in (_PLUS, _MINUS)
    size, end = _digits(text, at, _U0)
    power = np.int64(min(size, _HUGE))
    return -power if sign == _MINUS else power, end if end > at else len(text)


@inlined
def _is_digit(text: Text, at: int) -> bool:
    return _ZERO <= byte(text, at) <= _NINE


@inlined
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
        mantissa = mantissa * _TENS[1] + np.uint64(byte(text, at) - _ZERO)
        at += 1
    return mantissa, at


@inlined
def _rest(text: Text, at: int) -> tuple[int, bool]:
    """The position after the digits that did not fit any more, and whether they are all zeros, which only shift."""
    zeros = True
    while _is_digit(text, at):
        zeros = zeros and byte(text, at) == _ZERO
        at += 1
    return at, zeros


# Eight bytes at once, the first one in the lowest bits.

_EIGHT_ZEROS = np.uint64(0x3030_3030_3030_3030)
_ABOVE_NINE = np.uint64(0x7676_7676_7676_7676)
"""Added to a byte above nine, it makes its highest bit one."""
_HIGHEST = np.uint64(0x8080_8080_8080_8080)
_EVERY_FOURTH = np.uint64(0x0000_00FF_0000_00FF)
_FIRST_WEIGHTS, _SECOND_WEIGHTS = np.uint64(1_000_000 << 32 | 100), np.uint64(10_000 << 32 | 1)


@inlined
def _word(text: Text, at: int) -> np.uint64:
    """The eight bytes at ``at``, which must be there."""
    word = _U0
    for i in range(8):
        word |= np.uint64(text[np.uint64(at + i)]) << np.uint64(8 * i)
    return word


@inlined
def _leading_digits(word: np.uint64) -> int:
    """How many of the eight are digits, up to the first one that is none."""
    less = word ^ _EIGHT_ZEROS
    # A carry reaches only bytes behind one that is no digit.
    others = ((less + _ABOVE_NINE) | less) & _HIGHEST
    return (_bits(others & (~others + _U1)) - 1) // 8 if others else 8


@inlined
def _eight(word: np.uint64, count: int) -> np.uint64:
    """The number that the first ``count`` digits make."""
    # Zeros in front push out what is behind; in two steps, because a shift by all 64 bits is not defined.
    half = np.uint64(4 * (8 - count))
    digits = (word ^ _EIGHT_ZEROS) << half << half
    pairs = digits * _TENS[1] + (digits >> _U8)
    first, second = pairs & _EVERY_FOURTH, (pairs >> _U16) & _EVERY_FOURTH
    return np.uint64((first * _FIRST_WEIGHTS + second * _SECOND_WEIGHTS) >> _U32)


@inlined
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


@inlined
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


@inlined
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """All 128 bits of it, the upper half first."""
    a_high, a_low, b_high, b_low = a >> _U32, a & _LOW_32, b >> _U32, b & _LOW_32
    middle = a_high * b_low + (a_low * b_low >> _U32)
    other = a_low * b_high + (middle & _LOW_32)
    return a_high * b_high + (middle >> _U32) + (other >> _U32), a * b
