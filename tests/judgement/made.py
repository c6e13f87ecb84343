"""Series on a daily shape with noise, what happens to them, and a plain judge: |deviation| above four scales, or the
evidence of the runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sentio.judgement import incidents
from sentio.judgement.evidence import Evidence
from sentio.judgement.incidents import Incidents, Samples
from sentio.types import Array, Floats
from tests.judgement.alone import watch
from tests.judgement.grid import STEP, times

DAY = 1440
BEFORE = 400
"""Samples before it happens."""
SCALES = (0.1, 1.0, 5.0)

Memory = dict[str, Array]


@dataclass
class Run:
    """A judge's run over ``values [S, n]``."""

    memory: Memory
    evidence: Evidence
    incidents: Incidents


def daily(samples: int, day: int = DAY) -> Floats:
    """What is expected: 100 on average, 30 up and down in a ``day`` of samples."""
    return 100 + 30 * np.sin(2 * np.pi * np.arange(samples) / day)


def judged(memory: Memory, first: int, values: Floats, expected: Floats, scale: Floats) -> Run:
    at = times(values.shape[1], first)
    learned, evidence = watch(memory, at, STEP, values, expected, scale)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        score = np.abs(values - expected) / scale / 4
    flags = (score > 1) | (evidence.stuck >= 1) | (evidence.zeroed >= 1) | (evidence.absent >= 1)
    anomalous = np.where(np.isnan(values) & ~(evidence.absent >= 1), np.nan, flags.astype(float))
    memory, found = incidents.follow(
        {**memory, **learned}, at, STEP, Samples(values, expected, scale, anomalous, score), evidence
    )
    return Run(memory, evidence, found)


def happens(
    what: Callable[[Floats, Floats, np.random.Generator], Floats],
    after: int,
    series: int = 120,
    day: int = DAY,
    expected: Floats | None = None,
) -> Run:
    """The run over `BEFORE` ordinary samples and ``after`` further ones, which ``what`` makes of the expected values
    and the noise ``[S, after]``; a third of the series for each of `SCALES`."""
    rng = np.random.default_rng(after + series)
    scale = np.repeat(np.array(SCALES), series // 3)[:, None] * np.ones(BEFORE + after)
    shape = daily(BEFORE + after, day) if expected is None else expected
    expected = np.broadcast_to(shape, scale.shape).copy()
    noise = scale * rng.normal(size=scale.shape)
    values = expected + noise
    values[:, BEFORE:] = what(expected[:, BEFORE:], noise[:, BEFORE:], rng)
    return judged(incidents.blank(len(values)), 0, values, expected, scale)
