"""Simulated containers: every value is a function of its series, its time and a seed, and of nothing else.

The metrics are those of Telegraf's docker input. A normal value is the sum of a mean, a daily and a weekly
curve and Gaussian noise; a fault (`faults.py`) always touches both metrics of its container, so one truth per
container is the truth for each of its series.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentio.demo.faults import Faults
from sentio.demo.noise import gaussian
from sentio.types import MILLISECOND, SECOND, Bools, Floats, Ints, SeriesKey

CPU = "docker_container_cpu_usage_percent"
MEMORY = "docker_container_mem_usage"
FAULT = "sentio_demo_fault_active"

_MIB = float(1 << 20)
_DAY = 86_400.0 * SECOND
_WEEK = 7 * _DAY
_WEDNESDAY = 6.5 / 7.0
"""Where in a week counted from a Thursday, as the epoch's are, Wednesday's noon lies: the busiest time."""

_DAILY_LOW, _DAILY_HIGH = -43.0 / 60.0, 1.3
_WEEKLY_LOW, _WEEKLY_HIGH = -0.75, 1.25
_SURGE_SIGMAS = 20.0
_LEFT_BY_A_DROP = 0.02


class Shape(NamedTuple):
    """How one series behaves, in its own unit: amplitudes of its two curves, the hour (UTC) it peaks at, and
    the standard deviation of its noise."""

    mean: float
    daily: float
    weekly: float
    peak: float
    sigma: float


CONTAINERS: dict[str, tuple[Shape, Shape]] = {
    "workload": (Shape(40.0, 10.0, 4.0, 14.0, 1.2), Shape(512.0, 48.0, 20.0, 15.0, 6.0)),
    "web": (Shape(30.0, 8.0, 3.0, 19.0, 0.9), Shape(256.0, 24.0, 10.0, 19.5, 3.0)),
    "api": (Shape(35.0, 9.0, 4.0, 13.0, 1.0), Shape(384.0, 40.0, 12.0, 13.5, 5.0)),
    "db": (Shape(25.0, 6.0, 2.0, 12.0, 0.8), Shape(2048.0, 160.0, 60.0, 13.0, 20.0)),
    "cache": (Shape(18.0, 4.0, 1.5, 18.0, 0.5), Shape(1024.0, 90.0, 30.0, 18.5, 10.0)),
    "worker": (Shape(50.0, 12.0, 5.0, 3.0, 1.5), Shape(768.0, 80.0, 30.0, 4.0, 9.0)),
}
"""Each container's CPU (percent of one core) and memory (MiB). The lowest normal value of each stays more
than 20 σ above zero, so a drop is as plain as a surge."""

_EFFECT = np.array([[1, 1], [-1, -1], [-1, 1]])
"""``[kind, metric]``: +1 lifts CPU, memory; -1 drops it."""


def _harmonics(phase: Floats, second: float) -> Floats:
    """A curve of period 1 with its peak at phase 0, the peak narrower than the trough."""
    angle = 2.0 * np.pi * phase
    return np.cos(angle) + second * np.cos(2.0 * angle)


class Simulator:
    """The containers' metrics, with faults from ``start`` (ns) on, one every ``fault_every`` ns.

    `keys` are the ``S`` series: each container's CPU, then each one's memory. Raises `ValueError` when
    the faults would follow one another without a calm.
    """

    def __init__(self, start: int, fault_every: int, seed: int = 0) -> None:
        self.containers = tuple(CONTAINERS)
        self.keys = tuple(
            SeriesKey.of({"__name__": metric, "container_name": name, "engine_host": "demo"})
            for metric in (CPU, MEMORY)
            for name in self.containers
        )
        self.truth_keys = tuple(SeriesKey.of({"__name__": FAULT, "container_name": name}) for name in self.containers)
        self._seed = seed
        self._faults = Faults(start, fault_every, seed, len(self.containers))
        cpu = np.array([shapes[0] for shapes in CONTAINERS.values()])
        memory = np.array([shapes[1] for shapes in CONTAINERS.values()]) * [_MIB, _MIB, _MIB, 1.0, _MIB]
        columns = np.concatenate([cpu, memory]).T[:, :, None]
        self._mean, self._daily, self._weekly, self._peak, self._sigma = columns

    def expected(self, times: Ints) -> Floats:
        """What each series would be at ``times [n]`` without noise and faults: ``[S, n]``."""
        day = _harmonics(times / _DAY - self._peak / 24.0, 0.3)
        week = _harmonics(times / _WEEK - _WEDNESDAY, 0.25)
        curve: Floats = self._mean + self._daily * day + self._weekly * week
        return curve

    def values(self, times: Ints) -> Floats:
        """Each series at ``times [n]``: percent and bytes ``[S, n]``. Times are cut to milliseconds, all that
        Prometheus keeps, so that a stored sample is the value at its own time."""
        times = times // MILLISECOND * MILLISECOND
        noise = gaussian(self._seed, len(self.keys), times // MILLISECOND)
        values = self._misbehave(times, self.expected(times) + self._sigma * noise)
        half = len(self.containers)
        values[half:] = np.round(values[half:])
        return values

    def truth(self, times: Ints) -> Bools:
        """Whether each container misbehaves at ``times [n]``: ``[containers, n]``."""
        active = self._faults.at(times // MILLISECOND * MILLISECOND)
        misbehaves: Bools = active.container[None, :] == np.arange(len(self.containers))[:, None]
        return misbehaves

    def sigma(self) -> Floats:
        """The standard deviation of each series' noise ``[S]``."""
        sigma: Floats = self._sigma[:, 0]
        return sigma

    def extremes(self) -> tuple[Floats, Floats]:
        """The lowest and the highest expected value of each series, ``[S]`` each, whatever the time."""
        low = self._mean + _DAILY_LOW * self._daily + _WEEKLY_LOW * self._weekly
        high = self._mean + _DAILY_HIGH * self._daily + _WEEKLY_HIGH * self._weekly
        return low[:, 0], high[:, 0]

    def _misbehave(self, times: Ints, normal: Floats) -> Floats:
        active = self._faults.at(times)
        count = len(self.containers)
        container = np.tile(np.arange(count), 2)[:, None]
        metric = np.repeat([0, 1], count)
        effect = np.where(active.container == container, _EFFECT[active.kind][:, metric].T, 0)
        # A surge must stand out against the whole day's range, not only against this hour's.
        low, high = self.extremes()
        lifted = normal + (high - low)[:, None] + _SURGE_SIGMAS * self._sigma
        return np.select([effect > 0, effect < 0], [lifted, _LEFT_BY_A_DROP * normal], normal)
