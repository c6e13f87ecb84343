"""The simulated 3D printer of Kapacitor's guide to anomaly detection: a day of three temperatures, once per second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sentio.errors import EvaluationError
from sentio.types import Bools, Floats

START = 1_451_606_400
"""1 January 2016, in seconds since 1970."""
SAMPLES = 24 * 3600 + 2
"""The sample that ends the last window of the day, and one more."""

_LEARNED = 600
"""Samples that are only learned from: two of the guide's windows."""


class Spell(NamedTuple):
    """From second ``start`` on samples scatter by ``sigma`` °C around the target and ``offset``."""

    start: int
    sigma: float
    offset: float
    odd: bool = False


SENSORS = {
    "hotend": (220.0, (Spell(0, 0.5, 0), Spell(3600, 3, -1.5, odd=True), Spell(3900, 0.5, 0))),
    "bed": (90.0, (Spell(0, 1, 0), Spell(28_800, 5, 2, odd=True), Spell(29_700, 1, 0))),
    "air": (
        70.0,
        (
            Spell(0, 3, 0),
            Spell(10_800, 5, 0),  # it scatters more than before, and nothing is wrong
            Spell(43_200, 15, -5, odd=True),
            Spell(45_000, 5, 0),
            Spell(72_000, 3, 0),
        ),
    ),
}
"""Name → target in °C, and what happens."""


def temperatures(seed: int) -> tuple[Floats, Bools]:
    """``[3, n]`` in °C for the sensors, and where something is wrong: the guide's own figures, digit by digit, with
    NumPy's ``random.seed(seed)``."""
    around, sigma = np.empty((2, SAMPLES, len(SENSORS)))
    odd = np.zeros((SAMPLES, len(SENSORS)), bool)
    for i, (target, spells) in enumerate(SENSORS.values()):
        for spell in spells:
            around[spell.start :, i], sigma[spell.start :, i] = target + spell.offset, spell.sigma
            odd[spell.start :, i] = spell.odd
    # Its line protocol has six decimals.
    return np.round(np.random.RandomState(seed).normal(around, sigma), 6).T, odd.T


def write_printer(folder: Path, seed: int) -> None:
    """A labelled folder as `sentio backtest` reads it. Raises `EvaluationError` where it cannot be written."""
    try:
        (folder / "printer").mkdir(parents=True, exist_ok=True)
        for name, values, odd in zip(SENSORS, *temperatures(seed), strict=True):
            (folder / "printer" / f"{name}.csv").write_text("\n".join(_lines(values, odd)) + "\n", "utf-8")
        rows = [f"printer,{name},1,{_LEARNED}" for name in SENSORS]
        head = "set,series,step_seconds,scored_from_index"
        (folder / "manifest.csv").write_text("\n".join([head, *rows]) + "\n", "utf-8")
    except OSError as error:
        raise EvaluationError(f"--out {folder}: cannot be written ({error.strerror}); a folder is expected") from error


def _lines(values: Floats, odd: Bools) -> Iterator[str]:
    yield "time,value,label"
    for at, (value, label) in enumerate(zip(values.tolist(), odd.tolist(), strict=True), START):
        yield f"{at},{value:f},{label:d}"
