"""The nouns: frozen values that walk down the line. NumPy is the only package they know.

Times are int64 nanoseconds since the Unix epoch, UTC. Values are float64, NaN where there is no sample.
``S`` is the number of series, ``n`` of history samples, ``m`` of scored samples, ``h`` of forecast times.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
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


class SeriesStatus(enum.IntEnum):
    """How far Sentio is with one series; kept in a state as its ``status`` array."""

    LEARNING = 0
    """Too few samples for a model yet."""
    READY = 1
    CONSTANT = 2
    """It never changed while it was learned: expected to stay as it is, within a minimum band."""
    FAILED = 3
    """It could not be fitted; the reason is in the state's ``detail``."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What one detector knows about its series: named arrays whose first axis is the series.

    Five arrays are always there: ``status`` (`SeriesStatus`, int8), ``first_at`` and ``fitted_at`` (int64 ns: when
    the history that was learned began and ended), ``samples`` (int64, how many it had) and ``detail`` (text: why it
    could not be learned, else empty). The others are the detector's own.
    """

    keys: Keys
    arrays: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        for name, array in self.arrays.items():
            if len(array) != len(self.keys):
                raise ValueError(f"state: array {name} has {len(array)} rows; {len(self.keys)} are expected")
            if array.dtype == object:
                raise ValueError(f"state: array {name} holds objects; a state is plain numbers and text")

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def select(self, index: Ints) -> State:
        """The series at ``index``."""
        return State(tuple(self.keys[i] for i in index.tolist()), {name: a[index] for name, a in self.arrays.items()})

    def onto(self, blank: State) -> State:
        """``blank`` with what is known of its series in place of its own; both hold the same arrays."""
        if self.keys == blank.keys:
            return State(blank.keys, self.arrays)
        if not self.keys:
            return blank
        at = positions(blank.keys, self.keys)
        known = at >= 0
        arrays = {name: a.copy() for name, a in blank.arrays.items()}
        for name, array in arrays.items():
            arrays[name], own = _as_wide(array, self.arrays[name])
            arrays[name][known] = own[at[known]]
        return State(blank.keys, arrays)

    def merge(self, newer: State) -> State:
        """This state with ``newer``'s series put in place of, or after, its own."""
        return merged([self, newer])

    def to_arrays(self) -> dict[str, Array]:
        """Plain arrays, names of the series among them; `from_arrays` reads them back."""
        return {
            **{name: a for name, a in self.arrays.items() if a.dtype.kind != "U"},
            **{f"@text {name}": _packed(a.tolist()) for name, a in self.arrays.items() if a.dtype.kind == "U"},
            "@name": _packed([k.name for k in self.keys]),
            "@count": np.array([len(k.labels) for k in self.keys], dtype=np.int64),
            "@labels": _packed([x for k in self.keys for pair in k.labels for x in pair]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> State:
        texts = iter(_unpacked(arrays["@labels"]))
        keys = tuple(
            SeriesKey(name, tuple((next(texts), next(texts)) for _ in range(count)))
            for name, count in zip(_unpacked(arrays["@name"]), arrays["@count"].tolist(), strict=True)
        )
        plain = {name: a for name, a in arrays.items() if not name.startswith(("@text ", "@name", "@count", "@labels"))}
        text = {
            name.removeprefix("@text "): np.array(_unpacked(a), dtype=np.str_)
            for name, a in arrays.items()
            if name.startswith("@text ")
        }
        return cls(keys, plain | text)


def merged(parts: list[State]) -> State:
    """States of one detector as one: the first of ``parts`` with the series of the others put in place of, or after,
    its own. No two of the others have the same series.

    Nothing is left in ``parts``: one array after another is let go, so that of what nobody else holds no more than one
    is there twice. Raises `ValueError` where they hold different arrays.
    """
    held = [part for part in parts if part.keys] or [*parts[-1:], State(())][:1]
    parts.clear()
    if len(held) == 1:
        return held[0]
    names = tuple(held[0].arrays)
    if any(part.arrays.keys() != held[0].arrays.keys() for part in held):
        raise ValueError("state: they hold different arrays; states of one detector are expected")
    newer = held[1].keys if len(held) == 2 else tuple(key for part in held[1:] for key in part.keys)
    keys = union(held[0].keys, newer)
    ends = np.cumsum([len(part.keys) for part in held[1:]])
    places: list[slice | Ints] = [slice(len(held[0].keys)), *np.split(positions(newer, keys), ends[:-1])]
    rest = [dict(part.arrays) for part in held]
    held.clear()
    return State(keys, {name: _put([arrays.pop(name) for arrays in rest], places, len(keys)) for name in names})


def _put(arrays: list[Array], places: Sequence[slice | Ints], rows: int) -> Array:
    """``arrays`` as one with so many ``rows``, each at its place."""
    wide = _as_wide(*arrays)
    whole = np.zeros((rows, *wide[0].shape[1:]), reduce(np.promote_types, {array.dtype for array in wide}))
    for place, array in zip(places, wide, strict=True):
        whole[place] = array
    return whole


def _as_wide(*arrays: Array) -> list[Array]:
    """``arrays`` with a second axis that is as long as the longest: what a series keeps of its samples may grow, and
    zeros behind it are no samples."""
    if arrays[0].ndim < 2:
        return list(arrays)
    most = max(array.shape[1] for array in arrays)
    rest = [(0, 0)] * (arrays[0].ndim - 2)
    return [
        array if array.shape[1] == most else np.pad(array, [(0, 0), (0, most - array.shape[1]), *rest])
        for array in arrays
    ]


def _packed(texts: list[str]) -> npt.NDArray[np.uint8]:
    """Texts as bytes, each after its length: in an array of NumPy's own texts the longest decides the room of all,
    and trailing NULs are lost."""
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(texts), *map(len, parts)], dtype="<i8").tobytes()
    return np.frombuffer(lengths + b"".join(parts), dtype=np.uint8)


def _unpacked(packed: Array) -> list[str]:
    data = packed.tobytes()
    count = int(np.frombuffer(data, "<i8", 1)[0])
    lengths = np.frombuffer(data, "<i8", count, 8)
    ends = 8 + 8 * count + np.cumsum(lengths)
    return [
        data[e - n : e].decode("utf-8", "surrogatepass") for e, n in zip(ends.tolist(), lengths.tolist(), strict=True)
    ]


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


class AlertLevel(enum.IntEnum):
    """How bad it is, as `sentio_alert_level` has it."""

    OK = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One series at an alert level: that it has changed (in `Report.events`), or that it stands (in `Report.firing`).

    ``since`` ns: when the alert began, which is when the series left `AlertLevel.OK`; on the event that ends it, too,
    so that both are of one alert. ``at`` ns: the time of the sample that decided it. ``cause``: the condition that
    holds now, or that did not any more. Numbers are NaN where there is none.
    """

    key: SeriesKey
    level_from: AlertLevel
    level_to: AlertLevel
    since: int
    at: int
    cause: str
    value: float = np.nan
    yhat: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    score: float = np.nan
    kind: str = ""
    """The type of the anomaly, such as ``spike``; empty where it has none."""
    text: str = ""
    """One sentence about it, for people."""
    recent: npt.NDArray[np.float32] = field(default_factory=lambda: np.empty((4, 0), np.float32))
    """``[4, n]``: the last samples, their yhat, lower and upper edges; NaN where there was none. Newest last, the
    newest of them at ``at``, one every ``step`` ns."""
    step: int = SECOND


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What one score tick found; every sink sees the same one.

    ``status [S]`` is `SeriesStatus` for ``scores.keys``; ``forecast.keys`` are the same keys. ``events`` are the alert
    levels that have changed with this tick, ``firing`` all series that are above `AlertLevel.OK` after it.
    """

    pipeline: str
    at: int
    scores: Scores
    forecast: Forecast
    status: npt.NDArray[np.int8]
    events: tuple[Event, ...] = ()
    firing: tuple[Event, ...] = ()
    failures: tuple[Failure, ...] = ()
    levels: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    """``[S]`` `AlertLevel`; empty where nobody watches."""
    kinds: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    """``[S]`` the type of the incident that is open, 0 for none; empty where nobody looks for incidents."""
    texts: Mapping[int, str] = field(default_factory=dict)
    """By row, one sentence about the incident that is open."""
    onsets: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """``[S]`` ns: when that incident really began, 0 where none is open; empty as ``kinds``."""
    durations: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """``[S]`` ns: how long it has lasted, up to its newest anomalous sample; 0 and empty as ``onsets``."""
    sizes: Floats = field(default_factory=lambda: np.empty((2, 0)))
    """``[2, S]``: how far it is off, signed, in units and in % of what was expected; NaN where that is not known or no
    incident is open; without a series as ``kinds``."""
    alerts: State = field(default_factory=lambda: State(()))
    """What is remembered of the alerts after it; empty where nothing has changed."""
    every: int = 0
    """ns between two score ticks of its pipeline: the next report is no further away. 0 where none is to come."""
    unlisted: int = 0
    """How many more are above `AlertLevel.OK` than ``firing`` has: all of them where the report waits."""

    @property
    def standing(self) -> int:
        """How many series are above `AlertLevel.OK` after it."""
        return len(self.firing) + self.unlisted
