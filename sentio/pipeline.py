"""The two ticks, as functions of what is given: ``now`` is a parameter, nothing is remembered here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from sentio.alerting import Alerting, Change, Recents, Say, away, back, events, told
from sentio.contracts import Detector, Forecaster, Source
from sentio.errors import SourceError
from sentio.exclusion import Exclusion
from sentio.flagged import Flagged
from sentio.history import History
from sentio.judgement.incidents import Incidents
from sentio.judgement.judge import Judge, Judged
from sentio.judgement.kinds import Kind
from sentio.judgement.sentence import sentence
from sentio.reports import Report
from sentio.state import State, merged
from sentio.types import Bools, Failure, Floats, Forecast, Ints, Keys, Panel, Scores, Window, positions

_POINTS_AT_ONCE, _SAMPLES_AT_ONCE = 500, 1_000_000
"""The history is read so many points at a time, and of many series fewer: what is read is held twice for a moment."""
_TOO_MUCH, _GROWTH = ("timeout", "bad_query"), 1.125
"""Why a read fails that may be too long: a server refuses one of too many samples as it does a query that is wrong. By
how much the next is longer than one that succeeds: so little that a tick has many of these before one that fails."""
_MOST_TIMES, _MOST_TEXTS = 16, 1000
_SERIES_AT_ONCE = 64
"""A train tick publishes what it has fitted after so many series, or as many as the detector does well with."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one pipeline is made of. ``horizons`` in nanoseconds."""

    alias: str
    source: Source
    detector: Detector
    query: str
    horizons: tuple[int, ...]
    judge: Judge
    alerting: Alerting
    step: int
    """ns between two samples."""
    exclusion: Exclusion = field(default_factory=Exclusion)
    """What is neither judged nor learned from."""
    when: Source | None = None
    """What the query of ``exclusion`` is read from; None where there is none."""
    every: int = 0
    """ns between two score ticks; 0 where there is one alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What one pipeline knows: its models, what its judge has seen, the alerts that stand, and what is to be known of
    the alerts of series that are ``away``."""

    model: State = field(default_factory=lambda: State((), {}))
    judged: State = field(default_factory=lambda: State((), {}))
    alerts: State = field(default_factory=lambda: State((), {}))
    away: State = field(default_factory=lambda: State((), {}))


def learn(line: Line, history: History, now: int, going: Callable[[], bool], flagged: Flagged) -> None:
    """Read what ``history`` lacks up to ``now``, while ``going``. A partial answer is left out, and so is read again
    at the next tick; what is excluded or was ``flagged`` is never learned from. Raises `SourceError`."""
    for again in (True, False):
        # A part at a time: each has the source's whole deadline, and what was read stays read when a later one fails.
        for part in (p for window in history.missing(now) for p in _parts(window, history)):
            if not going():
                return
            panel = _read(line, history, part)
            if not panel.notes.partial:
                when, _ = read_when(line, part)
                out = line.exclusion.mask(panel.keys, panel.times, when)
                odd = flagged.mask(panel.keys, panel.times)
                history.add(panel, odd if out is None else odd | out)
        if not (history.settle(now) and again):
            break


def _read(line: Line, history: History, part: Window) -> Panel:
    """The samples of ``part``. Where that is too much, half is asked for at the next tick; then parts grow again."""
    try:
        panel = line.source.read(line.query, part)
    except SourceError as error:
        if error.reason in _TOO_MUCH:
            history.at_once = max(1, len(part) // 2)
        raise
    history.at_once = min(_POINTS_AT_ONCE, _GROWTH * history.at_once)
    return panel


def _parts(window: Window, history: History) -> Iterator[Window]:
    """Consecutive parts of ``window``, as long as the series that are known by then allow."""
    while len(window):
        points = min(_POINTS_AT_ONCE, history.at_once, _SAMPLES_AT_ONCE // max(1, len(history.keys)))
        part = next(iter(window.split(max(1, int(points)))))
        yield part
        window = Window(part.end + window.step, window.end, window.step)


def train(line: Line, history: History, due: Keys, now: int) -> Iterator[State]:
    """Fit the series ``due``, some at a time, so that a long training serves its first results early."""
    samples = getattr(line.detector, "samples_at_once", 0)
    first = 0 if history.columns else len(due)  # of nothing there is nothing to learn
    while first < len(due):
        count = max(_SERIES_AT_ONCE, samples // max(1, history.columns))
        yield line.detector.fit(history.panel(due[first : first + count], now))
        first += count


def read_fresh(line: Line, window: Window) -> tuple[Panel, Failure | None]:
    """The samples of ``window``; none, and why, where the source fails."""
    try:
        return line.source.read(line.query, window), None
    except SourceError as error:
        last = np.array([window.end], np.int64)
        return Panel.empty(last), Failure(line.query, error.reason, str(error))


def read_when(line: Line, window: Window) -> tuple[Panel | None, tuple[Failure, ...]]:
    """What the query of the line's exclusion says in ``window``, and what of that could not be read; None where there
    is no such query, or the source fails: nothing is left out by it then."""
    query = line.exclusion.when
    if line.when is None or not query:
        return None, ()
    try:
        panel = line.when.read(query, window)
    except SourceError as error:
        return None, (Failure(query, error.reason, f"exclude_when: {error}; nothing is left out by it"),)
    return panel, panel.notes.failures


def score(
    line: Line, memory: Memory, fresh: Panel, keys: Keys, now: int, *, left_out: Bools | None = None,
    unbegun: Bools | None = None, whole: bool = True,
) -> tuple[Memory, Report, Judged]:  # fmt: skip
    """Judge ``fresh`` for ``keys``: those that arrived, and those that are awaited still.

    ``left_out [S, m]``: what is not to be judged; ``unbegun [S]``: series whose judge has not begun; ``whole``: what is
    not in ``fresh`` did not arrive.
    """
    model, scores = _scores(line.detector, memory.model, fresh.onto(keys), left_out)
    known = line.judge.onto(memory.judged, keys)
    fitted = _of_model(model, "fitted_at", keys)
    before = _expected_before(line, model, known, keys, fitted)
    judged, found = line.judge.judge(
        known, scores, before=before, fitted_at=fitted, left_out=left_out, unbegun=unbegun,
        whole=whole and not fresh.notes.partial,
    )  # fmt: skip
    ahead = _forecast(line, model, keys, now)
    report = Report(
        line.alias, now, found.scores, line.judge.ahead(ahead, found.widening),
        _of_model(model, "status", keys).astype(np.int8), failures=fresh.notes.failures, every=line.every,
    )  # fmt: skip
    judged = _kept(line.judge, memory.judged, judged, model.keys)
    return replace(memory, model=model, judged=judged), _with_incidents(line, report, found), found


def _scores(detector: Detector, model: State, fresh: Panel, left_out: Bools | None) -> tuple[State, Scores]:
    """What the detector says of ``fresh``; of what is left out it hears nothing, for it may learn from that."""
    if left_out is None:
        return detector.score(model, fresh)
    heard = Panel(fresh.keys, fresh.times, np.where(left_out, np.nan, fresh.values))
    model, scores = detector.score(model, heard)
    return model, replace(scores, values=fresh.values)


def alert(
    line: Line, memory: Memory, report: Report, found: Judged, recent: Recents, left_out: Bools | None = None
) -> tuple[Memory, Report]:
    """``report`` with the alerts that its scores make, but for what is ``left_out [S, m]``: that changes no level.
    ``recent`` has its samples already."""
    seen = report.scores
    if left_out is not None:
        seen = replace(seen, values=np.where(left_out, np.nan, seen.values))
    gone = away(line.alerting, memory.away, memory.alerts, seen.keys, int(seen.times[0]))
    state, outcome = line.alerting.step(back(memory.away, memory.alerts, seen.keys), seen)
    kind, text = (None, None) if found.incidents is None else _words(line, found.incidents, report.scores.times)
    changed, firing = events(outcome, report.scores, recent=recent, step=line.step, kind=kind, text=text)
    failures = (*report.failures, *outcome.failures)
    report = replace(
        report, events=changed, firing=firing, failures=failures, levels=outcome.level,
        alerts=merged([told(part) for part in (gone, state) if part.arrays]) if changed else report.alerts,
    )  # fmt: skip
    return replace(memory, alerts=state, away=gone), report


def _words(line: Line, incidents: Incidents, times: Ints) -> tuple[Say, Say]:
    """The type of the incident that an alert is about, and a sentence; nothing where the last one was over before the
    alert began, as where that is for a limit on the value."""

    def about(change: Change) -> bool:
        at = change.row, change.column
        return bool(incidents.kind[at] and (incidents.open[at] or incidents.end[at] >= change.since))

    def kind(change: Change) -> str:
        return Kind(int(incidents.kind[change.row, change.column])).word if about(change) else ""

    def text(change: Change) -> str:
        if not about(change):
            return ""
        now, data_range = int(times[change.column]), line.judge.policy.data_range
        return sentence(incidents, change.row, change.column, step=line.step, now=now, data_range=data_range)

    return kind, text


def _kept(judge: Judge, old: State, new: State, modelled: Keys) -> State:
    """``new``, and of ``old`` the series that do not arrive and have a model still: they may come back."""
    if old.keys == new.keys or not old.keys or old.arrays.keys() != new.arrays.keys():
        return new
    away = (positions(old.keys, new.keys) < 0) & (positions(old.keys, modelled) >= 0)
    return merged([new, judge.let_go(old.select(np.flatnonzero(away)))]) if away.any() else new


def _of_model(model: State, name: str, keys: Keys) -> Ints:
    """``[S]``: the array ``name`` of each series' model; 0 where there is none, which as a status is `LEARNING`."""
    found = np.zeros(len(keys), np.int64)
    if model.keys:
        at = positions(keys, model.keys)
        found[at >= 0] = model[name][at[at >= 0]]
    return found


def _expected_before(line: Line, model: State, known: State, keys: Keys, fitted: Ints) -> Floats:
    """``[S]``: what a model that is new expects of the last sample that was judged; NaN where it is not new, or that
    was before its history, or is further ahead of it than that is long: what it says of such a time is anything."""
    before = np.full(len(keys), np.nan)
    if not isinstance(line.detector, Forecaster):
        return before
    at = line.judge.times(known)
    first = _of_model(model, "first_at", keys)
    new = (fitted != line.judge.models(known)) & (fitted > 0) & (at > 0)
    new &= (at >= first) & (at - fitted <= fitted - first)
    # Nearly always the series were judged last at one time; the few that were not can wait for the next sample.
    for time in np.unique(at[new])[-_MOST_TIMES:].tolist():
        rows = np.flatnonzero(new & (at == time))
        part = tuple(keys[i] for i in rows.tolist())
        before[rows] = _onto(line.detector.forecast(_of(model, part), np.array([time])), part).yhat[:, 0]
    return before


def _forecast(line: Line, model: State, keys: Keys, now: int) -> Forecast:
    """For the line's horizons; for none where its detector does not know what comes next."""
    if not isinstance(line.detector, Forecaster):
        none = np.empty((len(keys), 0))
        return Forecast(keys, np.empty(0, np.int64), none, none, none, now)
    return _onto(line.detector.forecast(model, now + np.array(line.horizons, np.int64)), keys)


def _of(model: State, keys: Keys) -> State:
    if keys == model.keys:
        return model
    at = positions(keys, model.keys)
    return model.select(at[at >= 0])


def _with_incidents(line: Line, report: Report, found: Judged) -> Report:
    """``report`` with what is the matter after the newest sample: the incidents that are open."""
    incidents, series = found.incidents, len(found.scores.keys)
    if incidents is None or not len(found.scores.times):
        none = np.zeros(series, np.int64)
        sizes = np.full((2, series), np.nan)
        return replace(report, kinds=none.astype(np.int8), onsets=none, durations=none, sizes=sizes)
    is_open, now, step = incidents.open[:, -1], int(found.scores.times[-1]), line.step
    data_range = line.judge.policy.data_range
    rows = np.flatnonzero(is_open)[:_MOST_TEXTS].tolist()
    return replace(
        report,
        kinds=np.where(is_open, incidents.kind[:, -1], 0).astype(np.int8),
        texts={row: sentence(incidents, row, step=step, now=now, data_range=data_range) for row in rows},
        onsets=np.where(is_open, incidents.onset[:, -1], 0),
        durations=np.where(is_open, incidents.duration(step)[:, -1], 0),
        sizes=np.where(is_open, np.array([incidents.size[:, -1], incidents.percent[:, -1]]), np.nan),
    )


def _onto(ahead: Forecast, keys: Keys) -> Forecast:
    at = positions(keys, ahead.keys)

    def spread(values: Floats) -> Floats:
        out = np.full((len(keys), len(ahead.times)), np.nan)
        out[at >= 0] = values[at[at >= 0]]
        return out

    return Forecast(keys, ahead.times, spread(ahead.yhat), spread(ahead.lower), spread(ahead.upper), ahead.made_at)
