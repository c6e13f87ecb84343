"""Metrics as services have them, in each of which nothing is the matter: jobs, office hours, queues, disks, restarts.

Each is a function of a generator and a shape ``(series, samples)``, five minutes apart, and gives the samples in the
metric's own units.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from benchmarks.clean import A_DAY
from sentio.types import Bools, Floats, Ints

Random = np.random.Generator
Shape = tuple[int, int]

_HOUR = A_DAY // 24


def _clock(rng: Random, shape: Shape) -> Ints:
    """Samples since a midnight; each series has a clock of its own."""
    return np.arange(shape[1]) + rng.integers(0, A_DAY, (shape[0], 1))


def _sine(clock: Ints) -> Floats:
    return np.sin(2 * np.pi * clock / A_DAY)


def _spells(rng: Random, shape: Shape, idle: float, busy: float) -> Bools:
    """Busy or not: spells of lengths without a memory, with these means in hours."""
    on = np.zeros(shape, bool)
    now = rng.random(shape[0]) < busy / (busy + idle)
    for t in range(shape[1]):
        ends = rng.random(shape[0]) < 1 / (_HOUR * np.where(now, busy, idle))
        now = now ^ ends
        on[:, t] = now
    return on


def _walk(rng: Random, shape: Shape, keeps: float, moves: float) -> Floats:
    values = np.zeros(shape)
    for t in range(1, shape[1]):
        values[:, t] = keeps * values[:, t - 1] + moves * rng.normal(size=shape[0])
    return values


def _falls(values: Floats, at: Bools) -> Floats:
    """``values`` that begin anew from their first one where ``at``."""
    for row, falls in zip(values, at, strict=True):
        for t in np.flatnonzero(falls):
            row[t:] -= row[t] - row[0]
    return values


def batch(rng: Random, shape: Shape) -> Floats:
    return np.where(_spells(rng, shape, 4, 0.5), rng.poisson(20, shape), 0.0)


def long_batch(rng: Random, shape: Shape) -> Floats:
    return np.where(_spells(rng, shape, 12, 2), 50 + 10 * rng.normal(size=shape), 0.0)


def batch_beside(rng: Random, shape: Shape) -> Floats:
    return np.where(_spells(rng, shape, 6, 2), 60 + 8 * rng.normal(size=shape), 2 + 0.3 * rng.normal(size=shape))


def every_six_hours(rng: Random, shape: Shape) -> Floats:
    return np.where(_clock(rng, shape) % (6 * _HOUR) < _HOUR // 3, rng.poisson(30, shape), 0.0)


def night_job(rng: Random, shape: Shape) -> Floats:
    return np.where(_clock(rng, shape) % A_DAY < _HOUR, 40 + 5 * rng.normal(size=shape), 0.0)


def night_load(rng: Random, shape: Shape) -> Floats:
    quiet = 20 * np.exp(0.5 * rng.normal(size=shape))
    return np.where(_clock(rng, shape) % A_DAY < 1.5 * _HOUR, 500 + 60 * rng.normal(size=shape), quiet)


def office_hours(rng: Random, shape: Shape) -> Floats:
    t = np.arange(shape[1])
    hour = t % A_DAY / _HOUR + rng.normal(size=(shape[0], 1))
    open_ = (t // A_DAY % 7 < 5) & (hour > 8) & (hour < 18)
    return rng.poisson(np.where(open_, 15 * np.exp(-(((hour - 13) / 4) ** 2)), 0.0)).astype(float)


def quiet_weekends(rng: Random, shape: Shape) -> Floats:
    clock = _clock(rng, shape)
    return np.where(clock // A_DAY % 7 < 5, 1.0, 0.4) * (100 + 60 * _sine(clock)) + 6 * rng.normal(size=shape)


def replicas(rng: Random, shape: Shape) -> Floats:
    wanted = 5 + 4 * _sine(_clock(rng, shape)) + 0.3 * rng.normal(size=shape)
    values, now = np.empty(shape), np.round(wanted[:, 0])
    for t in range(shape[1]):
        now = np.where(np.abs(wanted[:, t] - now) > 0.9, np.round(wanted[:, t]), now)
        values[:, t] = np.maximum(now, 2)
    return values


def setting(rng: Random, shape: Shape) -> Floats:
    changes = rng.random(shape) < 3 / A_DAY
    changes[:, 0] = True
    last = np.maximum.accumulate(np.where(changes, np.arange(shape[1]), 0), axis=1)
    return np.take_along_axis(rng.integers(2, 7, shape).astype(float), last, axis=1)


def disk(rng: Random, shape: Shape) -> Floats:
    filled = np.cumsum(np.where(rng.random(shape) < 0.5, rng.exponential(0.02, shape), 0.0), axis=1)
    emptied = (np.arange(shape[1]) + rng.integers(0, 7 * A_DAY, (shape[0], 1))) % (7 * A_DAY) == 0
    return np.round(40 + _falls(filled, emptied), 1)


def rare_errors(rng: Random, shape: Shape) -> Floats:
    return rng.poisson(5 / A_DAY, shape).astype(float)


def errors_in_bursts(rng: Random, shape: Shape) -> Floats:
    return np.where(_spells(rng, shape, 12, 0.25), rng.poisson(3, shape), 0.0)


def queue(rng: Random, shape: Shape) -> Floats:
    values, now = np.zeros(shape), np.zeros(shape[0])
    for t in range(shape[1]):
        bulk = (rng.random(shape[0]) < 4 / A_DAY) * rng.poisson(60, shape[0])
        now = np.maximum(0, now + rng.poisson(3, shape[0]) - rng.poisson(4, shape[0]) + bulk)
        values[:, t] = now
    return values


def celsius(rng: Random, shape: Shape) -> Floats:
    return np.round(2 * (22 + 2 * _sine(_clock(rng, shape)) + _walk(rng, shape, 0.98, 0.08))) / 2


def backup_size(rng: Random, shape: Shape) -> Floats:
    day = _clock(rng, shape) // A_DAY
    sizes = 300 + np.cumsum(rng.normal(1, 0.5, (shape[0], day.max() + 1)), axis=1)
    return np.take_along_axis(sizes, day, axis=1)


def certificate(rng: Random, shape: Shape) -> Floats:
    return np.asarray(90 * 86_400 - 300.0 * _clock(rng, shape), np.float64)


def counter(rng: Random, shape: Shape) -> Floats:
    return _falls(np.cumsum(rng.poisson(10, shape), axis=1).astype(float), rng.random(shape) < 1 / (4 * A_DAY))


def restarts(rng: Random, shape: Shape) -> Floats:
    values = 200 + 100 * _sine(_clock(rng, shape)) + 15 * rng.normal(size=shape)
    gone = rng.random(shape) < 1 / A_DAY
    values[gone] = 0
    values[:, 1:][gone[:, :-1]] *= 0.4
    return values


def leak(rng: Random, shape: Shape) -> Floats:
    period = A_DAY * rng.uniform(0.7, 3, (shape[0], 1))
    return 30 + 50 * (_clock(rng, shape) % period / period) + 0.5 * rng.normal(size=shape)


def heap(rng: Random, shape: Shape) -> Floats:
    values, now = np.empty(shape), np.full(shape[0], 40.0)
    for t in range(shape[1]):
        now = now + rng.gamma(2, 1.0, shape[0])
        now = np.where(now > 90, 35 + rng.normal(size=shape[0]), now)
        values[:, t] = now
    return values


def hit_ratio(rng: Random, shape: Shape) -> Floats:
    return 100 * rng.beta(200 + 150 * _sine(_clock(rng, shape)), 8)


def slowest_percent(rng: Random, shape: Shape) -> Floats:
    calls = np.maximum(5, 100 + 90 * _sine(_clock(rng, shape)))
    slow = 1 + (rng.random(shape) < 0.01) * rng.pareto(2.5, shape)
    return 0.05 * np.exp(0.3 * rng.normal(size=shape) * np.sqrt(60 / calls)) * slow


def disk_operations(rng: Random, shape: Shape) -> Floats:
    return np.where(rng.random(shape) < 0.06, rng.gamma(2, 400, shape), rng.gamma(4, 10, shape))


def connections(rng: Random, shape: Shape) -> Floats:
    open_now = 40 + 25 * _sine(_clock(rng, shape)) + 3 * _walk(rng, shape, 0.9, 1.0)
    return np.maximum(0.0, np.round(open_now))


def lag(rng: Random, shape: Shape) -> Floats:
    return 300.0 * (_clock(rng, shape) % (2 * _HOUR)) + 30 * rng.random(shape)


def drift(rng: Random, shape: Shape) -> Floats:
    return 50 + _walk(rng, shape, 1.0, 0.15) + rng.normal(size=shape)


def up(_rng: Random, shape: Shape) -> Floats:
    return np.ones(shape)


SERVICES: MappingProxyType[str, Callable[[Random, Shape], Floats]] = MappingProxyType(
    {
        "batch job, half an hour of four": batch,
        "batch job, two hours of 14": long_batch,
        "the same above a floor": batch_beside,
        "job every six hours": every_six_hours,
        "job of an hour each night": night_job,
        "load of 90 min each night": night_load,
        "office hours, zero otherwise": office_hours,
        "two fifths at the weekend": quiet_weekends,
        "replicas, scaled by the day": replicas,
        "a setting, changed now and then": setting,
        "a disk, emptied each week": disk,
        "five errors a day": rare_errors,
        "errors in bursts": errors_in_bursts,
        "a queue that is filled in bulk": queue,
        "°C, in halves": celsius,
        "size of the last backup": backup_size,
        "seconds to a certificate's end": certificate,
        "a counter as it is": counter,
        "a rate, with restarts": restarts,
        "memory that leaks, and restarts": leak,
        "a heap that is collected": heap,
        "hit ratio, %": hit_ratio,
        "99th percentile of latency": slowest_percent,
        "disk operations, some in bulk": disk_operations,
        "connections": connections,
        "lag, to zero every two hours": lag,
        "a drift, and noise": drift,
        "up": up,
    }
)
