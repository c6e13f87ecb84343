"""One pipeline at work: what it remembers between ticks, and the two ticks themselves.

A tick runs on a thread of its own, and may be abandoned at its deadline while the thread still runs. Whatever
it would change is changed under the lock and only while its `Tick` is alive, so that a late result is no result.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, compress

import numpy as np

from sentio.alerting import gone_since, not_after, parted, standing
from sentio.arrivals import Arrivals
from sentio.contracts import Sink
from sentio.due import Due
from sentio.errors import SentioError, SourceError
from sentio.farewell import farewell
from sentio.fitted import better, known, not_older, usable
from sentio.flagged import Flagged
from sentio.held import give_back
from sentio.histories import Histories
from sentio.judgement.evidence import NEVER
from sentio.pipeline import Line, Memory, alert, learn, read_fresh, read_when, score, train
from sentio.preparing import prepared
from sentio.recent import Recent
from sentio.rejudging import Rejudging
from sentio.saved import fitting, packed, unpacked
from sentio.telemetry import Telemetry
from sentio.timing import Reach, Timing
from sentio.turns import Turns
from sentio.types import (
    ANOMALY,
    SECOND,
    YHAT,
    Bools,
    Failure,
    Keys,
    Panel,
    Report,
    SeriesKey,
    State,
    Window,
    merged,
    positions,
    union,
)
from sentio.vitals import Vitals

log = logging.getLogger(__name__)

_TAKE_EVERY_S = 10.0
"""A training may take an hour: what it has fitted is put to use, published and saved so often, for a kill must not cost
it. Not more often, for each time costs as much as there are series."""
STOP_S = 3.0
"""Seconds that whoever stops a runner waits for a tick of it."""
_STOPPED_S = 0.2
"""And once it is stopped: a tick may look, for a moment, whether it still is to do anything."""
_SAVE_EVERY = 600 * SECOND
"""What goes on learning is saved so often where no training does it."""


class Tick:
    """One run of a tick; ``alive`` until its deadline."""

    def __init__(self) -> None:
        self.alive = True


class Runner:
    """The memory of one pipeline, and its ticks."""

    def __init__(
        self,
        line: Line,
        timing: Timing,
        sinks: tuple[Sink, ...],
        telemetry: Telemetry,
        save: Callable[[State], None],
    ) -> None:
        self.line, self.timing = line, timing
        self._sinks, self._save = sinks, save
        self._vitals = Vitals(telemetry, line.alias)
        self._lock = Turns(f"pipeline {line.alias}")
        # What is anomalous is not learned from, and yet the series is there.
        keep = timing.model_ttl + (line.judge.policy.accept_after if line.judge.policy.enabled else 0)
        self._histories = Histories(step=timing.step, length=timing.window, max_points=timing.max_points, keep=keep)
        self._flagged = Flagged(timing.step, timing.window)
        self._memory = Memory()
        self._rejudging = Rejudging(line)
        self._unbegun: set[SeriesKey] = set()
        self._due = Due(
            every=timing.train_every, cadence=timing.train_cadence,
            once=getattr(line.detector, "learns_as_it_goes", False),
        )  # fmt: skip
        self._arrivals = Arrivals()
        self._cursor: int | None = None
        self._reach = Reach()
        self._saved_at: int | None = None
        self._trained = False
        self.report: Report | None = None
        self.recent = Recent()
        self.errors = {"score": "", "train": ""}
        """Why the last tick of each kind failed; empty where it did not."""
        self._stopped = False

    def stop(self, wait_s: float = STOP_S) -> None:
        """Publish and save nothing more: a tick under way belongs to a pipeline that is no more. One that is at its end
        is waited for; one that hangs is not."""
        self._stopped = True
        with contextlib.suppress(SentioError), self._lock.within(wait_s):
            pass

    def end(self, now: int) -> None:
        """After `stop`, where the pipeline is no more: tell the ends of its alerts, which nothing else will."""
        # Without a turn: a tick may hang, and none changes anything any more.
        if report := farewell(self.line.alias, self._memory.alerts, now):
            for sink in self._sinks:
                sink.emit(report)

    # What others look at: the page and the scrape.

    @property
    def state(self) -> State:
        return self._memory.model

    def ages(self, now: int) -> tuple[float | None, float | None]:
        """Seconds: of the newest sample, and of the oldest model of a series that arrives."""
        return self._vitals.ages(now)

    def snapshot(self) -> State:
        """What is to be saved: the models, when each series was seen last, and what the judge and the alerts know.
        Raises `SentioError` where a tick hangs."""
        with self._lock.within(_STOPPED_S) if self._stopped else self._lock:
            memory, live, seen = self._memory, self._arrivals.live, self._arrivals.seen
        return packed(self.line, memory, live, seen, self._flagged, self.timing.ttl)

    def restore(self, saved: State, now: int, told: State | None = None) -> None:
        """Start from a snapshot, and what was told of alerts, which wins. The series that arrived when it was taken and
        were not let go of since, or have an alert, count as seen now, so that their bands and alerts stand until their
        time to live is over or they arrive. Raises `ValueError` where it lacks an array."""
        memory, seen, arrived, left = Memory(), np.empty(0, np.int64), State(()), State(())
        if told is not None:
            told, left = parted(told)
        if saved.keys:
            memory, seen = unpacked(saved, self._flagged)
            arriving = (seen >= seen.max() - self.timing.ttl) & ~gone_since(left, saved.keys, seen)
            arrived = memory.model.select(np.flatnonzero(usable(memory.model) & arriving))
            arrived = not_older(arrived, now - self.timing.model_ttl)
            memory = replace(memory, model=not_older(memory.model, now - self.timing.model_ttl))
        live = union(arrived.keys, standing(told) if told is not None else ())
        memory = fitting(self.line, memory, live, told)
        self._memory = replace(memory, alerts=not_after(memory.alerts, self.timing.newest(now)))
        if memory.model.keys:
            self._unbegun = set(self._beginning(memory.model).keys)
        self._arrivals.begin(live, now)
        if live:
            at = np.array([now // self.timing.step * self.timing.step])
            self._judge(Panel.empty(at), live, now, whole=False)
        if arrived.keys and getattr(self.line.detector, "learns_as_it_goes", False):
            # It is to learn from what has come meanwhile, too, as after an outage.
            self._cursor = min(int(seen.max()), self.timing.newest(now))

    # The score tick.

    def score(self, now: int, tick: Tick) -> None:
        """Read, judge and publish what is new since the last time."""
        window, before = self._unread(now), self._cursor
        if not len(window):
            return
        window, fresh, failure = self._read(window, tick)
        when, troubles = read_when(self.line, window) if failure is None else (None, ())
        fresh = replace(fresh, notes=replace(fresh.notes, failures=(*fresh.notes.failures, *troubles)))
        with self._lock:
            if self._stopped or not tick.alive or self._cursor != before:
                return
            self._reach.ended(len(window), failure)
            if failure is None:
                self._cursor = window.end
            live = self._awaited(fresh, now)
            model = not_older(self._memory.model, now - self.timing.model_ttl)
            if model.keys == live:
                model = State(live, model.arrays)
            self._memory = replace(self._memory, model=self._begun(model, live))
            report = self._judge(fresh, live, now, whole=failure is None, failure=failure, when=when)
            if failure is None and not fresh.notes.partial:
                self._remember(fresh, report, when)
            self._vitals.read(fresh)
        if failure:
            raise SourceError(failure.text, reason=failure.reason)

    def _read(self, window: Window, tick: Tick) -> tuple[Window, Panel, Failure | None]:
        """What of ``window`` was asked for, its samples, and why there are none."""
        if self._reach.doubtful and len(window) > 1:
            newest = Window(window.end, window.end, window.step)
            fresh, failure = read_fresh(self.line, newest)
            if failure is not None:
                return newest, fresh, failure
            with self._lock:
                if tick.alive:
                    self._reach.looked()
        return (window, *read_fresh(self.line, window))

    def _judge(
        self, fresh: Panel, live: Keys, now: int, *, whole: bool, failure: Failure | None = None,
        when: Panel | None = None,
    ) -> Report:  # fmt: skip
        """Judge, alert and publish."""
        out, unbegun = self._left_out(live, fresh, when), self._among_unbegun(live)
        self._rejudging.begin(self._memory, whole and not fresh.notes.partial, out)
        memory, report, found = score(
            self.line, self._memory, fresh, live, now, left_out=out, whole=whole, unbegun=unbegun
        )
        self.recent.add(report.scores)
        memory, report = alert(self.line, memory, report, found, self.recent.kept, out)
        if self._stopped:
            return report  # while it was judged, which may have taken for ever: what is not told is not to be known
        self._memory = memory
        self._rejudging.let_go(self._memory, report, unbegun)
        self._publish(report, failure)
        return report

    def _left_out(self, live: Keys, fresh: Panel, when: Panel | None) -> Bools | None:
        """``[S, m]``: what is not judged, for it is excluded, or nobody knows whether it arrived."""
        out = self.line.exclusion.mask(live, fresh.times, when)
        if not fresh.notes.cut:
            return out
        unknown = np.isnan(fresh.onto(live).values)
        return unknown if out is None else out | unknown

    def _remember(self, fresh: Panel, report: Report, when: Panel | None) -> None:
        """Keep what was read for the next training, but for what is anomalous or excluded: it is not to become what is
        expected. Some detectors learn from anomalies, too. Where a band alone flags, one sample in a hundred of what is
        usual lies outside: without these, each training would make the band narrower."""
        at = positions(fresh.keys, report.scores.keys)
        odd = np.zeros(fresh.values.shape, bool)
        from_anomalies = getattr(self.line.detector, "learns_from_anomalies", False)
        if not from_anomalies and (self.line.judge.policy.enabled or YHAT not in report.scores.outputs):
            odd[at >= 0] = report.scores.outputs[ANOMALY][at[at >= 0]] == 1
            self._flagged.add(fresh.keys, fresh.times, odd)
        out = self.line.exclusion.mask(fresh.keys, fresh.times, when)
        self._histories.add(fresh, odd if out is None else odd | out)

    def _unread(self, now: int) -> Window:
        """From the last sample that was scored to the newest that there can be, as far as that is not too much."""
        t, end = self.timing, self.timing.newest(now)
        if self._cursor is not None and self._cursor > end:
            log.warning("pipeline %s: the clock has gone back; it starts anew from now", self.line.alias)
            self._cursor, self._saved_at = None, None
            with self._lock:
                alerts, away = (not_after(known, end) for known in (self._memory.alerts, self._memory.away))
                self._memory = replace(self._memory, alerts=alerts, away=away)
                self._arrivals.back_to(end)
            self._histories.back_to(end)
        # After their time to live none arrives any more, and yet as many are going to be read.
        series = len(self._arrivals.live) or len(self._memory.model.keys)
        return t.unread(self._cursor, end, series, self._reach.most)

    def _awaited(self, fresh: Panel, now: int) -> Keys:
        """The series that arrived within their time to live; counts those that vanish."""
        gone = self._arrivals.take(fresh, now - self.timing.ttl - self.timing.delay)
        self._vitals.vanished(gone, self._arrivals.news(now))
        return self._arrivals.live

    def _begun(self, model: State, live: Keys) -> State:
        """``model``, where a series that has come since the first training, and has no history therefore, begins at
        once if that is all the same to the detector."""
        if not getattr(self.line.detector, "begins_at_once", False) or not self._trained:
            return model
        new = tuple(compress(live, (positions(live, model.keys) < 0).tolist())) if model.keys else live
        if not new:
            return model
        return model.merge(self.line.detector.fit(Panel(new, np.empty(0, np.int64), np.empty((len(new), 0)))))

    def _publish(self, report: Report, failure: Failure | None = None, *, again: bool = False) -> None:
        if self._stopped:
            return
        self.report = report
        # Where no series arrives any more, the age of the last sample that one had goes on.
        seen = self._arrivals.seen if self._cursor else self._arrivals.seen[:0]
        self._vitals.published(report, self._memory.model, self._arrivals.live, seen)
        if not again:
            self.errors["score"] = failure.text if failure else ""
        for sink in self._sinks:
            sink.emit(report)

    # The train tick.

    def train(self, now: int, tick: Tick) -> None:
        """Read what the history lacks, and fit every series that is due."""
        if self._histories.whole.keys and not self._unbegun and not self._to_fit(now):
            self._trained = True  # as after a restart: all that arrive are known already
            self._histories.settle(now)
            self._keep_flagged()
            self._save_in_time(now)
            return
        try:
            # At first the last steps, too, each of them: a judge learns from these what stands still, or is missing.
            for history in (self._histories.whole,) if self._trained else self._histories:
                learn(self.line, history, now, lambda: tick.alive and not self._stopped, self._flagged)
            self.errors["train"] = ""
            self._histories.young.settle(now)
            if self._unbegun and not self._take(self._waiting(), now, tick, there=True):
                return
            self._fit(self._to_fit(now), now, tick)
            self._trained = True
        except SentioError as error:
            self.errors["train"] = str(error)
            raise

    def _keep_flagged(self) -> None:
        """Of series with a history, and of those with a model: after a start theirs may not have been read yet."""
        self._flagged.keep(union(self._histories.keys, self._memory.model.keys))

    def _fit(self, due: Keys, now: int, tick: Tick) -> None:
        """Fit those that are ``due``. Raises what the detector does where nothing can be fitted now."""
        done, waiting, taken = 0, list[State](), time.monotonic()
        fits = (train(self.line, history, keys, now) for history, keys in self._histories.by_age(due))
        for fitted in chain.from_iterable(fits):
            done += len(fitted.keys)
            waiting.append(fitted)
            if done == len(due) or time.monotonic() - taken >= _TAKE_EVERY_S:
                if not self._take(merged(waiting), now, tick):
                    return
                taken = time.monotonic()
                if done < len(due):
                    log.info("pipeline %s: %d of %d series fitted", self.line.alias, done, len(due))
            self._vitals.progress(done / len(due))

    def _take(self, fitted: State, now: int, tick: Tick, *, there: bool = False) -> bool:
        """Use, publish and save what was ``fitted``, and have its judges begin; False where nobody wants it any more.
        ``there``: the models are in use already."""
        new, begun, done = State((), {}) if there else fitted, list[State](), 0
        beginning, taken, wait = self._beginning(fitted), time.monotonic(), _TAKE_EVERY_S
        for part in prepared(self.line, self._histories, beginning, self._judged_until(now), now):
            if self._stopped or not tick.alive:
                return False  # the next training goes on, or a successor's
            begun.append(part)
            done += len(part.keys)
            if done < len(beginning.keys) and time.monotonic() - taken >= wait:
                if not self._use(new, begun, set(beginning.keys[done:]), now, tick):
                    return False
                # Each time costs as much as there are series, so it is done ever more seldom.
                new, taken, wait = State((), {}), time.monotonic(), 2 * wait
                log.info("pipeline %s: %d of %d judges have begun", self.line.alias, done, len(beginning.keys))
        return self._use(new, begun, set(), now, tick)

    def _use(self, fitted: State, judges: list[State], unbegun: set[SeriesKey], now: int, tick: Tick) -> bool:
        """Use, publish and save these; series of which the judge is still ``unbegun`` are not judged until it has.
        Nothing is left in ``judges``: there is much of it."""
        with self._lock:
            if self._stopped or not tick.alive:
                return False
            new = better(self._memory.model, fitted)
            first = ~known(self._memory.model, new.keys) & usable(new) if new.keys else np.empty(0, bool)
            self._memory = replace(self._memory, model=self._memory.model.merge(self._continued(new)))
            self._unbegun = unbegun
            if first.any() or judges:
                self._announce(judges)
            self._due.tried(fitted.keys, now, self._histories.whole.keys)
            self._keep_flagged()
        if fitted.keys:
            self._vitals.fitted(fitted)
        if fitted.keys or not unbegun:
            self._saved_at = now
            self._save(self.snapshot())
        give_back()
        return True

    def _continued(self, fitted: State) -> State:
        """``fitted`` with what goes on being learned beside it."""
        refitted: Callable[[State, State], State] | None = getattr(self.line.detector, "refitted", None)
        return refitted(self._memory.model, fitted) if refitted and self._memory.model.keys else fitted

    def _save_in_time(self, now: int) -> None:
        """Judges, alerts and some detectors have learned since the last training; a kill is not to cost much of it."""
        if self._saved_at is None:
            self._saved_at = now
        if now - self._saved_at >= _SAVE_EVERY and not self._stopped:
            self._saved_at = now
            self._save(self.snapshot())

    def _to_fit(self, now: int) -> Keys:
        """The series to fit now, of those that arrive."""
        timing, whole = self.timing, self._histories.whole
        keys = union(whole.alive(now - timing.ttl - timing.delay - whole.step), self._arrivals.live)
        with self._lock:
            model = self._memory.model
        return self._due.among(keys, model, now)

    def _beginning(self, fitted: State) -> State:
        """The series that no judge has seen yet: theirs is to see how the models do on what they were learned from."""
        with self._lock:
            judged = self._memory.judged
        begins = usable(fitted) & self.line.judge.policy.enabled
        at = positions(fitted.keys, judged.keys)
        if judged.keys:
            begins &= (at < 0) | (self.line.judge.times(judged)[np.maximum(at, 0)] == NEVER)
        return fitted if begins.all() else fitted.select(np.flatnonzero(begins))

    def _waiting(self) -> State:
        """The models of series whose judge was to begin, and nobody waited for it."""
        with self._lock:
            model, unbegun = self._memory.model, self._unbegun
        return model.select(np.flatnonzero(np.fromiter((k in unbegun for k in model.keys), bool, len(model.keys))))

    def _judged_until(self, now: int) -> Callable[[], int]:
        """ns: up to where a judge that begins now is to have seen. The last report is judged when it is in use."""
        return lambda: now if self.report is None else int(self.report.scores.times[0]) - 1

    def _announce(self, judges: list[State]) -> None:
        """Have ``judges`` begin, and publish the last report again, now that there are models or judges for series that
        had none."""
        self._memory = self._rejudging.with_judges(self._memory, judges)
        if self.report is None or not self._rejudging.possible:
            return
        unbegun = self._among_unbegun(self.report.scores.keys)
        self._memory, report = self._rejudging.judged(self._memory, self.report, unbegun)
        self._rejudging.let_go(self._memory, report, unbegun)
        self.recent.add(report.scores, again=True)
        self._publish(report, again=True)

    def _among_unbegun(self, keys: Keys) -> Bools | None:
        """``[S]``: which of ``keys`` are not to be judged yet; None where it is none."""
        waiting = self._unbegun
        return np.fromiter((key in waiting for key in keys), bool, len(keys)) if waiting else None
