"""The nouns: frozen values that walk down the line; more are in `sentio.state` and `sentio.reports`. NumPy is the only
package they know.

Times are int64 nanoseconds since the Unix epoch, UTC. Values are float64, NaN where there is no sample.
``S`` is the number of series, ``n`` of history samples, ``m`` of scored samples, ``h`` of forecast times.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]

SECOND = 1_000_000_000
"""Nanoseconds in a second."""
MILLISECOND = SECOND // 1000

YHAT, LOWER, UPPER = "yhat", "yhat_lower", "yhat_upper"
SCORE, ANOMALY, PVALUE = "anomaly_score", "anomaly", "anomaly_pvalue"


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """The identity of a series: metric name ("" when an expression dropped it) and sorted labels."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> SeriesKey:
        """From a label set with ``__name__`` in it; an empty label value is the same as no label."""
        # Most label sets share most of their texts with others.
        return cls(
            sys.intern(labels.get("__name__", "")),
            tuple(sorted((sys.intern(k), sys.intern(v)) for k, v in labels.items() if k != "__name__" and v != "")),
        )

    def __str__(self) -> str:
        pairs = ",".join(f'{k}="{escape(v)}"' for k, v in self.labels)
        return f"{self.name}{{{pairs}}}"


Keys = tuple[SeriesKey, ...]


def escape(value: str) -> str:
    """A label value as Prometheus's text format writes it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def positions(wanted: Keys, having: Keys) -> Ints:
    """For each of ``wanted``, its index in ``having``, or -1. Equal tuples cost one comparison."""
    if wanted == having:
        return np.arange(len(wanted), dtype=np.int64)
    where = {key: i for i, key in enumerate(having)}
    return np.fromiter((where.get(key, -1) for key in wanted), np.int64, len(wanted))


def union(first: Keys, second: Keys) -> Keys:
    """``first``, then those of ``second`` that are new."""
    if first == second:
        return first
    known = set(first)
    return first + tuple(key for key in second if key not in known)


@dataclass(frozen=True, slots=True)
class Window:
    """Times ``start, start + step, … ≤ end`` in nanoseconds; empty when ``end < start``."""

    start: int
    end: int
    step: int

    def __post_init__(self) -> None:
        if self.step <= 0:
            raise ValueError(f"window: step is {self.step} ns; it must be above 0")

    @classmethod
    def ending(cls, now: int, length: int, step: int) -> Window:
        """The last ``length`` up to ``now``, both ends included, on multiples of ``step``, so that the grid is the
        same on every read."""
        end = now // step * step
        return cls(end - length // step * step, end, step)

    def __len__(self) -> int:
        return max(0, (self.end - self.start) // self.step + 1)

    def times(self) -> Ints:
        return self.start + self.step * np.arange(len(self), dtype=np.int64)

    def split(self, points: int) -> Iterable[Window]:
        """Consecutive windows of at most ``points`` times each, together exactly this one."""
        for first in range(0, len(self), points):
            count = min(points, len(self) - first)
            start = self.start + first * self.step
            yield Window(start, start + (count - 1) * self.step, self.step)


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be done, and why: ``where`` names a series or the query, ``reason`` is a bounded word."""

    where: str
    reason: str
    text: str
    count: int = 1
    """How many series it is about."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What a reading has to say beside its samples.

    ``failures``: series that could not be read. ``partial``: why the answer may be incomplete (a server's
    warning); such a panel may be scored, never trained on. ``dropped``: samples that were NaN or infinite.
    ``size``: bytes of the answer.
    """

    failures: tuple[Failure, ...] = ()
    partial: str = ""
    dropped: int = 0
    size: int = 0

    @property
    def cut(self) -> bool:
        """Whether there were more series than are read: one that is not there may have arrived."""
        return any(failure.reason == "max_series" for failure in self.failures)


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One query's answer: ``keys [S]``, ``times [n]`` strictly increasing, ``values [S, n]``."""

    keys: Keys
    times: Ints
    values: Floats
    notes: Notes = Notes()

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.keys), len(self.times)):
            raise ValueError(
                f"panel: values have the shape {self.values.shape}; "
                f"{len(self.keys)} series × {len(self.times)} times are expected"
            )

    @classmethod
    def empty(cls, times: Ints | None = None) -> Panel:
        at = np.empty(0, np.int64) if times is None else times
        return cls((), at, np.empty((0, len(at))))

    def rows(self, index: Ints | slice) -> Panel:
        """The series at ``index``, a view where ``index`` is a slice."""
        keys = self.keys[index] if isinstance(index, slice) else tuple(self.keys[i] for i in index.tolist())
        return Panel(keys, self.times, self.values[index])

    def onto(self, keys: Keys) -> Panel:
        """The same times for exactly ``keys``; NaN where a series is not in this panel."""
        if keys == self.keys:
            return self
        values = np.full((len(keys), len(self.times)), np.nan)
        at = positions(keys, self.keys)
        values[at >= 0] = self.values[at[at >= 0]]
        return Panel(keys, self.times, values, self.notes)


def stack(panels: Sequence[Panel]) -> Panel:
    """Panels of consecutive time spans as one; a series absent from one of them has NaN there."""
    if not panels:
        return Panel.empty()
    if len(panels) == 1:
        return panels[0]
    keys: Keys = ()
    for panel in panels:
        keys = union(keys, panel.keys)
    return Panel(
        keys,
        np.concatenate([p.times for p in panels]),
        np.concatenate([p.onto(keys).values for p in panels], axis=1),
        Notes(
            tuple(dict.fromkeys(f for p in panels for f in p.notes.failures)),
            next((p.notes.partial for p in panels if p.notes.partial), ""),
            sum(p.notes.dropped for p in panels),
            sum(p.notes.size for p in panels),
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """``yhat``, ``lower``, ``upper``, each ``[S, h]``, for ``times [h]``; NaN where there is no model."""

    keys: Keys
    times: Ints
    yhat: Floats
    lower: Floats
    upper: Floats
    made_at: int


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Named outputs ``[S, m]`` at ``times [m]``. The standard ones are `YHAT`, `LOWER`, `UPPER`, `SCORE` (0 as
    expected, above 1 anomalous) and `ANOMALY` (0 or 1); NaN where there is nothing to say."""

    keys: Keys
    times: Ints
    values: Floats
    outputs: Mapping[str, Floats]

    def newest(self) -> Ints:
        """``[S]``: for each series the column of its newest sample, or the last one where none arrived."""
        arrived = np.isfinite(self.values)
        last = self.values.shape[1] - 1
        return np.asarray(np.where(arrived.any(axis=1), last - np.argmax(arrived[:, ::-1], axis=1), last))
