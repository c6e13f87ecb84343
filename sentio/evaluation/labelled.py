"""Series with the incidents that are known of them: a folder, a file, a file of windows beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import numpy as np

from sentio.config.durations import format_duration
from sentio.errors import ConfigError, EvaluationError
from sentio.evaluation.samples import Rows, Samples, moment, read_rows, read_samples
from sentio.types import SECOND, Floats, Ints, Panel, SeriesKey

log = logging.getLogger(__name__)

MANIFEST = "manifest.csv"
_COLUMNS = ("set", "series", "step_seconds", "scored_from_index")
PROBATION = 0.15
"""The part of a series that is only learned from, where nothing else is said: as in NAB (Lavin and Ahmad 2015)."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One series: ``times [n]`` (ns, as they were recorded; none is before the one to its left), ``values [n]``,
    ``labels [n]`` (1 inside an incident).

    ``group``: the set that it belongs to, one threshold for all of them. ``step`` in ns. ``scored_from``: the index
    from which its scores count; what lies before is history to learn from. ``known``: labels were given.
    """

    group: str
    key: SeriesKey
    times: Ints
    values: Floats
    labels: Ints
    step: int
    scored_from: int
    known: bool = True

    @property
    def name(self) -> str:
        """What it is called in files and tables."""
        return self.key.name if not self.key.labels else str(self.key)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a manifest: where a series is, and how it is to be read. ``step`` in ns; ``scored_from`` counts its
    samples in the order of time."""

    group: str
    name: str
    path: Path
    step: int
    scored_from: int

    def read(self) -> Labelled:
        """Its samples, in the order of time. Raises `EvaluationError`."""
        samples = _in_order(read_samples(self.path))
        if self.scored_from >= len(samples.times):
            raise EvaluationError(
                f"{self.path}: has {len(samples.times)} rows, and {MANIFEST} has scored_from_index {self.scored_from}; "
                "a smaller one is expected"
            )
        return _labelled(self.group, self.name, samples, self.step, self.scored_from)


def read_manifest(folder: Path) -> list[Entry]:
    """What ``folder/manifest.csv`` lists: the series are in ``SET/SERIES.csv.gz`` or ``SET/SERIES.csv``.

    Raises `EvaluationError` with the line that is wrong.
    """
    path = folder / MANIFEST
    rows = read_rows(path, _COLUMNS)
    found, seen = [], dict[tuple[str, str], int]()
    for i, (group, name, step, first) in enumerate(zip(*(rows.columns[c] for c in _COLUMNS), strict=True)):
        if (before := seen.setdefault((group, name), i)) != i:
            rows.fail(i, f"{group}/{name} stands in line {rows.lines[before]}, too", "each series once is expected")
        files = [folder / group / f"{name}{tail}" for tail in (".csv.gz", ".csv")]
        there = next((file for file in files if file.is_file()), None)
        if there is None:
            rows.fail(i, f"{files[0]} is not there", "the samples of each series that is listed are expected")
        step_s = _whole(rows, i, "step_seconds", step, least=1)
        found.append(Entry(group, name, there, step_s * SECOND, _whole(rows, i, "scored_from_index", first, 0)))
    return found


def _whole(rows: Rows, row: int, what: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        rows.fail(row, f"{what} is {text!r}", f"a whole number from {least} is expected")
    return int(text)


def read_file(path: Path, group: str, warm_up: int | None) -> Labelled:
    """One file; its step is the usual distance of two samples. ``warm_up``: ns that are only learned from, None for
    `PROBATION` of all. Raises `EvaluationError`, `ConfigError`."""
    samples = _in_order(read_samples(path))
    distances = np.diff(np.unique(samples.times))
    if not len(distances):
        raise EvaluationError(f"{path}: has samples of one time only; at least two times are expected")
    step = max(SECOND, round(float(np.median(distances)) / SECOND) * SECOND)
    return _labelled(group, _stem(path), samples, step, first_scored(samples.times, warm_up))


def _in_order(samples: Samples) -> Samples:
    order = np.argsort(samples.times, kind="stable")
    labels = None if samples.labels is None else samples.labels[order]
    return Samples(samples.times[order], samples.values[order], labels)


def first_scored(times: Ints, warm_up: int | None) -> int:
    """The index of the first of ``times [n]`` that is scored. Raises `ConfigError` where a ``warm_up`` leaves none."""
    if warm_up is None:
        return int(PROBATION * len(times))
    if warm_up > (span := int(times[-1] - times[0])):
        there = format_duration(span // SECOND * SECOND)
        raise ConfigError(
            f"--warm-up: is {format_duration(warm_up)}, and the samples are of {there}; less than that is expected"
        )
    return int(np.searchsorted(times - times[0], warm_up))


def of_panel(panel: Panel, group: str, step: int, warm_up: int | None) -> list[Labelled]:
    """The series of ``panel``, each from its first sample to its last, none with an incident that is known; all are
    scored from the same time on."""
    first = int(panel.times[first_scored(panel.times, warm_up)]) if len(panel.times) else 0
    found = []
    for key, row in zip(panel.keys, panel.values, strict=True):
        there = np.flatnonzero(np.isfinite(row))
        part = slice(there[0], there[-1] + 1) if len(there) else slice(0)
        times = panel.times[part]
        none = np.zeros(len(times), np.int64)
        at = int(np.searchsorted(times, first))
        if at < len(times):
            found.append(Labelled(group, key, times, row[part], none, step, at, known=False))
    return found


def _labelled(group: str, name: str, samples: Samples, step: int, scored_from: int) -> Labelled:
    labels = samples.labels
    none = np.zeros(len(samples.times), np.int64)
    known = labels is not None
    return Labelled(
        group,
        SeriesKey(name),
        samples.times,
        samples.values,
        none if labels is None else labels,
        step,
        scored_from,
        known,
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


Windows = Mapping[tuple[str, str], Sequence[tuple[int, int]]]
"""Set and name of a series → start and end (ns, both included) of each of its incidents."""


def read_windows(path: Path, series: Iterable[tuple[str, str]], zone: tzinfo = UTC) -> Windows:
    """The incidents that the CSV file ``path`` tells of ``series``, each a set and a name: series, start, end, and
    where two sets have the name, set. ``zone``: of times that name none.

    Raises `EvaluationError` for a series that is none of them, and for a window that ends before it starts.
    """
    rows = read_rows(path, ("series", "start", "end"), ("set",))
    columns = rows.columns
    sets: dict[str, list[str]] = {}
    for group, name in series:
        sets.setdefault(name, []).append(group)
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for i, name in enumerate(columns["series"]):
        start, end = (_moment(rows, i, what, zone) for what in ("start", "end"))
        if end < start:
            wrong = f"end is {columns['end'][i]}, before start ({columns['start'][i]})"
            rows.fail(i, wrong, "a later one is expected")
        found.setdefault((_set_of(rows, i, sets), name), []).append((start, end))
    return found


def _set_of(rows: Rows, row: int, sets: Mapping[str, Sequence[str]]) -> str:
    name = rows.columns["series"][row]
    if name not in sets:
        wrong = f"series is {name!r}, which is not among the data"
        rows.fail(row, wrong, f"one such as {min(sets)} is expected")
    known = sets[name]
    wanted = rows.columns["set"][row] if "set" in rows.columns else ""
    if not wanted and len(known) > 1:
        wrong = f"series is {name!r}, and so is one of each of the sets {', '.join(known)}"
        rows.fail(row, wrong, "a column set, which says of which it is, is expected")
    if wanted and wanted not in known:
        rows.fail(row, f"set is {wanted!r}, which has no series {name}", f"{' or '.join(known)} is expected")
    return wanted or known[0]


def _moment(rows: Rows, row: int, what: str, zone: tzinfo) -> int:
    text = rows.columns[what][row]
    try:
        return moment(text, zone)
    except ValueError:
        rows.fail(row, f"{what} is {text!r}", "a time in seconds since 1970, or in ISO 8601, is expected")


def with_windows(series: Labelled, windows: Windows) -> Labelled:
    """``series`` with those of ``windows`` that are its own for labels. The log says how many have none of its
    samples, as where their times are of another zone."""
    times, labels, empty = series.times, np.zeros(len(series.times), np.int64), 0
    own = windows.get((series.group, series.name), [])
    for start, end in own:
        inside = slice(np.searchsorted(times, start), np.searchsorted(times, end, side="right"))
        labels[inside] = 1
        empty += inside.start == inside.stop
    if empty and len(times):
        first, last = (datetime.fromtimestamp(t / SECOND, UTC).isoformat(timespec="seconds") for t in times[[0, -1]])
        log.warning(
            "%s: %d of %d windows of --labels have none of its samples, which are of %s to %s",
            series.name, empty, len(own), first, last,
        )  # fmt: skip
    return replace(series, labels=labels, known=True)
