"""Series in which nothing is the matter: whatever is flagged in them is a false alarm."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from benchmarks.judging import asking
from sentio.evaluation.measures import DAY_S, AtThreshold, Curve, Track, covered
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import configured
from sentio.types import ANOMALY, LOWER, SECOND, UPPER, Floats, Panel, SeriesKey

STEP = 300 * SECOND
A_DAY = DAY_S * SECOND // STEP
DAYS, LEARNED = 21, 7
SERIES, QUICK_SERIES = 20, 2
BEGIN = 1_699_920_000 * SECOND
"""A midnight, UTC."""

Make = Callable[[np.random.Generator, tuple[int, int]], Floats]


def _independent(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return 100 + 10 * rng.normal(size=shape)


def _autoregressive(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    values = rng.normal(size=shape)
    for t in range(1, shape[1]):
        values[:, t] = 0.95 * values[:, t - 1] + np.sqrt(1 - 0.95**2) * values[:, t]
    return 100 + 10 * values


def _lognormal(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.asarray(np.exp(rng.normal(size=shape)))


def _mostly_zero(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    return np.where(rng.random(shape) < 0.95, 0.0, 1 + rng.exponential(5, shape))


def _daily(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    phase = 2 * np.pi * (np.arange(shape[1]) / A_DAY + rng.random((shape[0], 1)))
    return 100 + 30 * np.sin(phase) + 5 * rng.normal(size=shape)


KINDS: MappingProxyType[str, Make] = MappingProxyType(
    {
        "Gaussian, independent": _independent,
        "AR(1), 0.95": _autoregressive,
        "lognormal, independent": _lognormal,
        "95 % zeros": _mostly_zero,
        "shape of a day, and noise": _daily,
    }
)


def clean(kind: str, series: int) -> Panel:
    """``series`` of this kind, three weeks at one sample in five minutes."""
    rng = np.random.default_rng(list(KINDS).index(kind))
    times = BEGIN + STEP * np.arange(DAYS * A_DAY, dtype=np.int64)
    keys = tuple(SeriesKey("clean", (("i", str(i)),)) for i in range(series))
    return Panel(keys, times, KINDS[kind](rng, (series, len(times))))


def false_alarms(kind: str, budget: str, series: int, train_every: int) -> tuple[AtThreshold, float]:
    """What is flagged after the first week, and the share of samples that lie in the band."""
    config, alias = configured(asking(budget, train_every), {}, STEP)
    start = LEARNED * A_DAY
    found = replay(config, alias, clean(kind, series), start=start)
    seconds, none = found.times[start:] / SECOND, np.zeros(len(found.times) - start, np.int64)
    flagged = found.outputs[ANOMALY][:, start:]
    count = Curve([Track(seconds, none, row, STEP / SECOND) for row in flagged]).at(1.0)
    values, lower, upper = found.values[:, start:], found.outputs[LOWER][:, start:], found.outputs[UPPER][:, start:]
    inside, total = covered(values, lower, upper, np.ones(values.shape, bool))
    return count, inside / max(total, 1)
