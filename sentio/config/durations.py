"""Durations and sizes as a configuration writes them: ``15s``, ``1h30m``, ``64MiB``.

A duration is an int of nanoseconds, a size an int of bytes. A bare number is refused, because nothing says
what it counts.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from sentio.config.misfit import misfit, show
from sentio.types import MILLISECOND

_UNITS = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
"""Milliseconds, the finest that Prometheus's syntax has, in each unit, in the descending order in which they must be
written."""

_DURATION = re.compile("".join(rf"(?:([0-9]{{1,18}}){unit})?" for unit in _UNITS))

_LONGEST = 100 * _UNITS["y"] * MILLISECOND
"""An int64 of nanoseconds ends in 2262; a time plus a duration must stay below."""

_SIZES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

_SIZE = re.compile(rf"([0-9]{{1,18}})({'|'.join(_SIZES)})")

_WANTED = "a duration such as 15s, 5m or 14d is expected"


def parse_duration(value: object) -> int:
    """Nanoseconds from text in Prometheus's syntax, units descending: ``500ms``, ``1h30m``, ``1w``.

    Raises `ValueError` (a `misfit`) for anything else, for zero and for more than 100 years.
    """
    length = parse_delay(value)
    if length == 0:
        raise misfit(f"is {show(value)}", "a duration above 0, such as 15s, 5m or 14d, is expected")
    return length


def parse_delay(value: object) -> int:
    """As `parse_duration`, where zero is as good: ``0s``."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None or not value:
        raise misfit(f"is {show(value)}", _WANTED)
    counts = zip(found.groups(), _UNITS.values(), strict=True)
    length = sum(int(count) * unit for count, unit in counts if count is not None) * MILLISECOND
    if length > _LONGEST:
        raise misfit(f"is {show(value)}", "a duration of at most 100y is expected")
    return length


def format_duration(length: int) -> str:
    """The text that `parse_delay` reads back as ``length`` nanoseconds, in days and smaller units.

    Raises `ValueError` for what the syntax cannot say: below zero, or not whole milliseconds.
    """
    left, finer = divmod(length, MILLISECOND)
    if length < 0 or finer:
        raise ValueError(f"duration: is {length} ns; whole milliseconds from 0 up are expected")
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[unit])
        if count:
            text += f"{count}{unit}"
    return text or "0s"


def parse_size(value: object) -> int:
    """Bytes from text such as ``64MiB`` (2^20) or ``1GB`` (10^9).

    Raises `ValueError` (a `misfit`) for anything else, and for zero.
    """
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    size = int(found[1]) * _SIZES[found[2]] if found else 0
    if size == 0:
        raise misfit(f"is {show(value)}", "a size such as 64MiB or 1GB is expected")
    return size


def format_size(size: int) -> str:
    """The text that `parse_size` reads back as ``size`` bytes, in the largest binary unit that is exact."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return f"{size}B"


Duration = Annotated[int, BeforeValidator(parse_duration)]
"""Nanoseconds, above 0, from text."""

Delay = Annotated[int, BeforeValidator(parse_delay)]
"""Nanoseconds, 0 or above, from text."""

ByteSize = Annotated[int, BeforeValidator(parse_size)]
"""Bytes, above 0, from text."""
