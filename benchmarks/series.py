"""Series as servers have them, on one time grid; the same on every run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentio.types import SECOND, Floats, Ints

WINDOWS = {
    "1 d at 1 min": (1_440, 60),
    "7 d at 5 min": (2_016, 300),
    "7 d at 1 min": (10_080, 60),
    "30 d at 5 min": (8_640, 300),
}
"""Samples, and seconds between them."""

_START_S = 1_760_000_000 // 86_400 * 86_400 + 7 * 3600
_DISTINCT = 400
"""So many are made in full; the others are those with noise of their own."""


def times(window: str) -> Ints:
    samples, step_s = WINDOWS[window]
    return (_START_S + step_s * np.arange(samples, dtype=np.int64)) * SECOND


def series(at: Ints, count: int, seed: int) -> Floats:
    """``[count, n]``: the families in turns."""
    rng = np.random.default_rng(seed)
    distinct = min(count, _DISTINCT)
    made = np.array([_FAMILIES[i % len(_FAMILIES)](_Shape(at, rng)) for i in range(distinct)])
    values = np.empty((count, len(at)))
    values[:distinct] = made
    spread = 0.1 * made.std(axis=1, keepdims=True)
    for first in range(distinct, count, distinct):
        part = made[: min(distinct, count - first)]
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        values[first : first + len(part)] = part + spread[: len(part)] * noise
    return values


def pierced(values: Floats, share: float, seed: int) -> Floats:
    """A copy that lacks that ``share`` of its samples, each series others."""
    return np.where(np.random.default_rng(seed).random(values.shape) < share, np.nan, values)


class _Shape:
    """What a series is made of: random daily and weekly shapes, a trend that bends, noise."""

    def __init__(self, at: Ints, rng: np.random.Generator) -> None:
        self.rng, self.n = rng, len(at)
        days = at / SECOND / 86_400
        self.u = (at - at[0]) / (at[-1] - at[0])
        phase = rng.uniform(0, 2 * np.pi, 5)
        self.day = sum(part * np.sin(2 * np.pi * (i + 1) * days + phase[i]) for i, part in enumerate((1.0, 0.4, 0.15)))
        self.week = np.sin(2 * np.pi * days / 7 + phase[3]) + 0.3 * np.sin(4 * np.pi * days / 7 + phase[4])
        bends = rng.uniform(0.05, 0.9, rng.integers(0, 5))
        self.trend = rng.normal(0, 0.5) * self.u + sum(rng.laplace(0, 0.8) * np.maximum(self.u - b, 0) for b in bends)
        self.noise = rng.normal(size=self.n)


def _rate(s: _Shape) -> Floats:
    level = 100 * np.exp(s.rng.normal(0, 1.5))
    return level * np.maximum(1 + 0.4 * s.day + 0.2 * s.week + 0.5 * s.trend + 0.08 * s.noise, 0)


def _cpu(s: _Shape) -> Floats:
    return np.clip(0.35 + 0.12 * s.day + 0.05 * s.week + 0.1 * s.trend + 0.04 * s.noise, 0, 1)


def _memory(s: _Shape) -> Floats:
    return 2e9 * (1 + 0.3 * s.trend) + 3e7 * s.day + 1e6 * np.cumsum(s.noise)


def _latency(s: _Shape) -> Floats:
    slow = (s.rng.random(s.n) < 0.003) * s.rng.exponential(15, s.n)
    return 0.05 * np.exp(0.2 * s.day + 0.35 * s.noise) * (1 + slow)


def _queue(s: _Shape) -> Floats:
    jams = (s.rng.random(s.n) < 0.002) * s.rng.exponential(200, s.n)
    return s.rng.poisson(np.maximum(0.5 + 0.8 * s.day, 0.02)) + jams


def _steps(s: _Shape) -> Floats:
    up, down = s.rng.uniform(0.2, 0.8), s.rng.uniform(0.5, 0.95)
    return 10 + 2 * s.day + 0.5 * s.noise + 8 * (s.u > up) - 5 * (s.u > down)


def _far_from_zero(s: _Shape) -> Floats:
    return 1e12 + 1e8 * (s.trend + 0.3 * s.day + 0.1 * s.noise)


def _below_zero(s: _Shape) -> Floats:
    return -20 + 6 * s.day + 2 * s.week + 6 * s.trend + s.noise


_FAMILIES: tuple[Callable[[_Shape], Floats], ...] = (
    _rate,
    _cpu,
    _memory,
    _latency,
    _queue,
    _steps,
    _far_from_zero,
    _below_zero,
)
