"""Rows of a table as a panel, and what is found of that panel beside the rows again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sentio.config.misfit import show
from sentio.errors import SensorsError
from sentio.tables.reader import Rows
from sentio.types import Floats, Ints, Panel, SeriesKey

FIELD = "field"
"""The label that names the sensor."""
_KEYS = 100_000
"""Series whose keys are kept in mind: each piece of a table has most of them."""
_NO_LABEL = re.compile(r"^(?=\d)|[^A-Za-z0-9_]", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """``panel``: a series for each sensor and group of the rows. Row i is its column ``column[i]``, and sensor j of
    that row its series ``series[j, i]``."""

    panel: Panel
    series: Ints
    column: Ints

    def back(self, output: Floats) -> Floats:
        """Of ``output [S, m]`` of the panel what belongs to each row: ``[sensors, n]``."""
        return output[self.series, self.column]


def lay(rows: Rows, name: str, sensors: Sequence[str], by: tuple[str, ...] = ()) -> Laid:
    """``rows`` as a panel of series named ``name``, with the sensor as the label ``field`` and the labels ``by``."""
    times, column = np.unique(rows.times, return_inverse=True)
    count = len(sensors)
    series = rows.group[None, :] * count + np.arange(count, dtype=np.int64)[:, None]
    values = np.full((len(rows.groups) * count, len(times)), np.nan)
    values[series, column] = rows.values
    keys = tuple(key_of(name, sensor, by, group) for group in rows.groups for sensor in sensors)
    return Laid(Panel(keys, times, values), series, column)


@lru_cache(_KEYS)
def key_of(name: str, sensor: str, by: tuple[str, ...], group: tuple[str, ...]) -> SeriesKey:
    """The series of one sensor and one group. An empty text is the same as no label."""
    labels = dict(zip(label_names(by), group, strict=True))
    return SeriesKey.of({"__name__": name, FIELD: sensor, **labels})


def label_names(by: Sequence[str]) -> tuple[str, ...]:
    """The columns ``by`` as labels can be called. Raises `SensorsError` where two would be called the same."""
    names = tuple(_NO_LABEL.sub("_", name) for name in by)
    for i, name in enumerate(names):
        if name in (FIELD, "__name__", *names[:i]):
            raise SensorsError(f"by: {show(by[i])} would be the label {name}, which is taken; another name is expected")
    return names
