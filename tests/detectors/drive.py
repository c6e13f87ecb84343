"""The sensors of datastream.io's example as panels, and detectors of the catalog driven over them."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np

from sentio import catalog
from sentio.state import State
from sentio.types import ANOMALY, SECOND, Panel, Scores, SeriesKey

DATA = Path(__file__).parent.parent / "data"
FIRST = 679
"""Rows of the first of datastream.io's two batches of that file."""


def detector(name: str, **options: object):
    found = catalog.resolve("detectors", name)
    return found(found.Options(**options), None)


def panel(*rows: object, start: int = 0, names: tuple[str, ...] = ()) -> Panel:
    """One sample a second of each row."""
    values = np.atleast_2d(np.array(rows, np.float64))
    times = SECOND * (start + 1 + np.arange(values.shape[1], dtype=np.int64))
    return Panel(tuple(SeriesKey(n) for n in names or map(str, range(len(values)))), times, values)


def numbered(values: object, start: int = 1, step: int = 1) -> Panel:
    """Series by their number; a sample every ``step`` seconds from ``start`` on."""
    rows = np.atleast_2d(np.asarray(values, float))
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(rows)))
    return Panel(keys, (start + step * np.arange(rows.shape[1])) * SECOND, rows)


def cut(whole: Panel, first: int, end: int | None = None) -> Panel:
    return Panel(whole.keys, whole.times[first:end], whole.values[:, first:end])


def again(whole: Panel) -> Panel:
    """The same samples, later."""
    return dataclasses.replace(whole, times=whole.times + whole.times[-1])


def cardata() -> Panel:
    with (DATA / "cardata_sample.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = tuple(list(rows[0])[2:])
    return panel(*([float(row[name]) for row in rows] for name in names), names=names)


def written_down(state: State) -> State:
    return State.from_arrays(state.to_arrays())


def flags(scores: Scores, row: int = 0) -> list[int]:
    """Where a series is anomalous."""
    return np.flatnonzero(scores.outputs[ANOMALY][row] == 1).tolist()
