"""Noise that is a function of its place, not of how many numbers were drawn before it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentio.types import Floats, Ints

Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)


def _mix(x: Words) -> Words:
    """splitmix64: every bit of the input flips half of the output's."""
    with np.errstate(over="ignore"):  # it lives from wrapping around at 2^64
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _M1
        x = (x ^ (x >> np.uint64(27))) * _M2
    return x ^ (x >> np.uint64(31))


def _uniform(x: Words) -> Floats:
    """In (0, 1]: its logarithm is finite."""
    return ((x >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53


def gaussian(seed: int, rows: int, counters: Ints) -> Floats:
    """Standard normal numbers ``[rows, n]``; each depends on ``seed``, its row and its counter alone."""
    start = _mix(np.array([seed & 0xFFFF_FFFF_FFFF_FFFF], np.uint64))
    streams = _mix(start ^ np.arange(rows, dtype=np.uint64))
    place = _mix(streams[:, None] ^ _mix(counters.astype(np.uint64))[None, :])
    radius = np.sqrt(-2.0 * np.log(_uniform(place)))
    return radius * np.cos(2.0 * np.pi * _uniform(_mix(place)))
