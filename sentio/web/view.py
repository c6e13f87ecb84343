"""Which series are wanted, and what is known of each: what the page and the API have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from sentio.judgement.kinds import Kind
from sentio.reports import AlertLevel, Event, Report
from sentio.runner import Runner
from sentio.state import SeriesStatus
from sentio.types import SCORE, Floats, Ints, SeriesKey, positions

STATES = {status.word: status for status in SeriesStatus}
TYPES = {kind.word: kind for kind in Kind if kind}
LEVELS = {level.word: level for level in AlertLevel if level}
_NO_SUCH = 127
"""No state, type or level has this number."""
_WITH_DETAIL = (SeriesStatus.FAILED, SeriesStatus.LEARNING)


@dataclass(frozen=True, slots=True)
class Filter:
    """What of it is wanted: ``text`` in the series' name or labels, one ``query``, one ``state``, one ``type`` of
    anomaly, a ``level`` at least, a page."""

    text: str = ""
    query: str = ""
    state: str = ""
    type: str = ""
    level: str = ""
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Filter:
        page = params.get("page", "1")
        number = max(1, int(page)) if page.isdecimal() and len(page) < 8 else 1
        text, query, state, type_, level = (params.get(n, "") for n in ("q", "query", "state", "type", "level"))
        return cls(text, query, state, type_, level, number)

    def link(self, **changes: object) -> str:
        """The address of the same page with something else wanted."""
        wanted = replace(self, **changes)  # type: ignore[arg-type] # field names, checked by the tests
        params = {
            "q": wanted.text, "query": wanted.query, "state": wanted.state,
            "type": wanted.type, "level": wanted.level, "page": wanted.page,
        }  # fmt: skip
        return "?" + urlencode({k: v for k, v in params.items() if v and (k, v) != ("page", 1)})


@dataclass(frozen=True, slots=True)
class Row:
    """One series after its newest sample. ``kind`` is `Kind.NONE` where nothing is the matter; ``event`` is the alert
    that stands; ``detail`` says why the series is not ready."""

    runner: Runner
    report: Report
    index: int
    column: int
    kind: Kind
    event: Event | None
    detail: str

    def output(self, name: str) -> float:
        """NaN where the detector or the judge does not say it."""
        found = self.report.scores.outputs.get(name)
        return np.nan if found is None else float(found[self.index, self.column])

    @property
    def key(self) -> SeriesKey:
        return self.report.scores.keys[self.index]

    @property
    def at(self) -> int:
        return int(self.report.scores.times[self.column])

    @property
    def value(self) -> float:
        return float(self.report.scores.values[self.index, self.column])

    @property
    def state(self) -> SeriesStatus:
        return SeriesStatus(int(self.report.status[self.index]))

    @property
    def level(self) -> AlertLevel:
        return self.event.level_to if self.event else AlertLevel.OK

    @property
    def missing(self) -> bool:
        return self.kind == Kind.MISSING and not np.isfinite(self.value)

    @property
    def since(self) -> int:
        """ns: when the incident really began, or else its alert; 0 where there is neither."""
        onset = int(self.report.onsets[self.index]) if len(self.report.onsets) else 0
        return onset or (self.event.since if self.event else 0)

    @property
    def duration(self) -> int:
        """ns: how long the incident has lasted; 0 where none is open."""
        return int(self.report.durations[self.index]) if len(self.report.durations) else 0

    @property
    def sizes(self) -> tuple[float, float]:
        """How far off it is, signed: in units, and in %; NaN where that is not known."""
        if not self.report.sizes.shape[1]:
            return np.nan, np.nan
        units, percent = self.report.sizes[:, self.index].tolist()
        return units, percent

    @property
    def text(self) -> str:
        return self.report.texts.get(self.index, "") or (self.event.text if self.event else "")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The series of one pipeline that are wanted, as numbers: rows are made only of those that are shown."""

    runner: Runner
    report: Report
    events: Mapping[int, Event]
    """By row, the alert that stands."""
    columns: Ints
    """Of all series, as ``kinds`` and ``levels``; ``index`` are those that are wanted."""
    kinds: npt.NDArray[np.int8]
    levels: npt.NDArray[np.int8]
    index: Ints

    def badness(self) -> tuple[Floats, Ints, Ints]:
        """Of those at ``index``: the score, whether something is the matter, and the level."""
        at = self.index
        score = np.nan_to_num(self.report.scores.outputs[SCORE][at, self.columns[at]], nan=-1.0)
        return score, (self.kinds[at] != 0).astype(np.int64), self.levels[at].astype(np.int64)

    def anomalous(self) -> Found:
        """Only those with an open incident or an alert."""
        at = self.index
        return replace(self, index=at[(self.kinds[at] != 0) | (self.levels[at] > 0)])

    def rows(self, shown: Sequence[int]) -> Iterator[Row]:
        """Those at these places of ``index``."""
        at = [int(self.index[i]) for i in shown]
        details = self._details([i for i in at if self.report.status[i] in _WITH_DETAIL])
        return (self._row(i, details.get(i, "")) for i in at)

    def _row(self, i: int, detail: str) -> Row:
        kind = Kind(int(self.kinds[i]))
        return Row(self.runner, self.report, i, int(self.columns[i]), kind, self.events.get(i), detail)

    def _details(self, at: Sequence[int]) -> dict[int, str]:
        """Why they are not ready."""
        known = self.runner.state  # read once: a training puts another in its place
        if not at or not known.keys:
            return {}
        rows = positions(self.report.scores.keys, known.keys).tolist()
        return {
            i: str(known["detail"][rows[i]]) or f"{int(known['samples'][rows[i]])} samples" for i in at if rows[i] >= 0
        }


def select(runners: Sequence[Runner], wanted: Filter) -> list[Found]:
    """What is wanted, by pipeline."""
    return [found for runner in runners if (found := _find(runner, wanted))]


def _find(runner: Runner, wanted: Filter) -> Found | None:
    report = runner.report
    if report is None or (wanted.query and wanted.query != report.pipeline):
        return None
    count = len(report.scores.keys)
    levels = report.levels if len(report.levels) else np.zeros(count, np.int8)
    events = dict(zip(np.flatnonzero(levels).tolist(), report.firing, strict=False))
    kinds = _kinds(report, events)
    index = _wanted(report, kinds, levels, wanted)
    return Found(runner, report, events, report.scores.newest(), kinds, levels, index)


def _kinds(report: Report, events: Mapping[int, Event]) -> npt.NDArray[np.int8]:
    """Of the incident that is open; where it is over and its alert still stands, of that one."""
    kinds = report.kinds.copy() if len(report.kinds) else np.zeros(len(report.scores.keys), np.int8)
    for row, event in events.items():
        if not kinds[row]:
            kinds[row] = TYPES.get(event.kind, Kind.NONE)
    return kinds


def _wanted(report: Report, kinds: npt.NDArray[np.int8], levels: npt.NDArray[np.int8], wanted: Filter) -> Ints:
    found = np.ones(len(kinds), bool)
    if wanted.state:
        found &= report.status == STATES.get(wanted.state, _NO_SUCH)
    if wanted.type:
        found &= kinds == TYPES.get(wanted.type, _NO_SUCH)
    if wanted.level:
        found &= levels >= LEVELS.get(wanted.level, _NO_SUCH)
    index = np.flatnonzero(found)
    if text := wanted.text.lower():
        keys = report.scores.keys
        index = np.array([i for i in index.tolist() if _has(text, keys[i], report.pipeline)], np.int64)
    return index


def _has(text: str, key: SeriesKey, alias: str) -> bool:
    """Whether ``text``, in small letters, is in the series as it is written, or as the page shows it: by the pipeline's
    name where it has none, its labels without quotes."""
    if text in str(key).lower() or (not key.name and text in alias.lower()):
        return True
    return text in " ".join(f"{name}={value}" for name, value in key.labels).lower()


def worst_first(found: Sequence[Found]) -> Ints:
    """The order of all of them together: alerts by level, then open incidents, then by score."""
    if not found:
        return np.empty(0, np.int64)
    score, open_, level = (np.concatenate(parts) for parts in zip(*(f.badness() for f in found), strict=True))
    return np.lexsort((-score, -open_, -level))


def rows(found: Sequence[Found], order: Ints) -> list[Row]:
    """Those at ``order``, places among all of them one after another."""
    if not len(order):
        return []
    whose = np.repeat(np.arange(len(found)), [len(f.index) for f in found])
    place = np.concatenate([np.arange(len(f.index)) for f in found])
    made = [f.rows(place[order[whose[order] == i]].tolist()) for i, f in enumerate(found)]
    return [next(made[i]) for i in whose[order].tolist()]
