"""One pipeline at work: what it remembers between ticks, and the two ticks themselves.

A tick runs on a thread of its own, and may be abandoned at its deadline while the thread still runs. Whatever
it would change is changed under the lock and only while its `Tick` is alive, so that a late result is no result.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from sentio.alerting import not_after
from sentio.arrivals import Arrivals
from sentio.contracts import Sink
from sentio.errors import SentioError, SourceError
from sentio.farewell import farewell
from sentio.fitted import better, in_date, known, usable
from sentio.held import give_back
from sentio.learning import Learning, begun, refitted
from sentio.pipeline import Line, Memory, alert, read_fresh, read_when, score
from sentio.preparing import beginning, prepared
from sentio.recent import LENGTH, Recent
from sentio.rejudging import Rejudging
from sentio.reports import Report
from sentio.saved import packed, restored
from sentio.state import State, merged
from sentio.telemetry import Telemetry
from sentio.timing import Reach, Timing
from sentio.turns import Turns
from sentio.types import SECOND, Bools, Failure, Keys, Panel, Scores, SeriesKey, Window
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
        self._learning = Learning(line, timing)
        self._memory = Memory()
        self._rejudging = Rejudging()
        self._unbegun: set[SeriesKey] = set()
        self._arrivals = Arrivals()
        self._cursor: int | None = None
        self._reach = Reach()
        self._saved_at: int | None = None
        self._trained = self._drawn = False
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
        return packed(self.line, memory, live, seen, self._learning.flagged, self.timing.ttl)

    def restore(self, saved: State, now: int, told: State | None = None) -> None:
        """Start from a snapshot, and what was told of alerts, as `sentio.saved.restored` does. Raises `ValueError`
        where it lacks an array."""
        self._memory, live, seen = restored(self.line, self.timing, saved, told, self._learning.flagged, now)
        if self._memory.model.keys:
            self._unbegun = set(self._beginning(self._memory.model).keys)
        self._arrivals.begin(live, now)
        if live:
            at = np.array([now // self.timing.step * self.timing.step])
            self._judge(Panel.empty(at), live, now, whole=False)
        if seen is not None and getattr(self.line.detector, "learns_as_it_goes", False):
            # It is to learn from what has come meanwhile, too, as after an outage.
            self._cursor = min(seen, self.timing.newest(now))

    @contextlib.contextmanager
    def _telling(self, tick: str) -> Iterator[None]:
        """Have the page say that a tick has failed by a defect, too; of what else fails it says why."""
        try:
            yield
        except SentioError:
            raise
        except Exception as error:
            self.errors[tick] = f"{type(error).__name__}, a defect here or in a class of your own; see the log"
            raise

    # The score tick.

    def score(self, now: int, tick: Tick) -> None:
        """Read, judge and publish what is new since the last time."""
        with self._telling("score"):
            self._score(now, tick)

    def _score(self, now: int, tick: Tick) -> None:
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
            model = in_date(self._memory.model, now, self.timing.model_ttl)
            if model.keys == live:
                model = State(live, model.arrays)
            if self._trained:
                model = begun(self.line.detector, model, live)
            self._memory = replace(self._memory, model=model)
            report = self._judge(fresh, live, now, whole=failure is None, failure=failure, when=when)
            if failure is None and not fresh.notes.partial:
                self._learning.remember(self.line, fresh, report.scores, when)
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
        self._draw_past(report.scores)
        memory, report = alert(self.line, memory, report, found, self.recent.kept, out)
        if self._stopped:
            return report  # while it was judged, which may have taken for ever: what is not told is not to be known
        self._memory = memory
        self._rejudging.let_go(self.line.judge, self._memory, report, unbegun)
        self._publish(report, failure)
        return report

    def _draw_past(self, scores: Scores) -> None:
        """Once there is a history the pictures begin with what came before the start."""
        history, step, at = self._learning.histories.young, self.timing.step, int(scores.times[-1])
        if self._trained and not self._drawn and history.step == step:
            self.recent.precede(history.panel(scores.keys, at, (LENGTH - 1) * step), at, step)
            self._drawn = True

    def _left_out(self, live: Keys, fresh: Panel, when: Panel | None) -> Bools | None:
        """``[S, m]``: what is not judged, for it is excluded, or nobody knows whether it arrived."""
        out = self.line.exclusion.mask(live, fresh.times, when)
        if not fresh.notes.cut:
            return out
        unknown = np.isnan(fresh.onto(live).values)
        return unknown if out is None else out | unknown

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
            self._learning.histories.back_to(end)
        # After their time to live none arrives any more, and yet as many are going to be read.
        series = len(self._arrivals.live) or len(self._memory.model.keys)
        return t.unread(self._cursor, end, series, self._reach.most)

    def _awaited(self, fresh: Panel, now: int) -> Keys:
        """The series that arrived within their time to live; counts those that vanish."""
        gone = self._arrivals.take(fresh, now - self.timing.ttl - self.timing.delay)
        self._vitals.vanished(gone, self._arrivals.news(now))
        return self._arrivals.live

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
        with self._telling("train"):
            self._train(now, tick)

    def _train(self, now: int, tick: Tick) -> None:
        learning = self._learning
        if learning.histories.whole.keys and not self._unbegun and not self._due(now):
            self._trained = True  # as after a restart: all that arrive are known already
            learning.histories.settle(now)
            learning.keep_flagged(self._memory.model.keys)
            self._save_in_time(now)
            return
        try:
            learning.read(self.line, now, lambda: tick.alive and not self._stopped, young=not self._trained)
            self.errors["train"] = ""
            if self._unbegun and not self._take(self._waiting(), now, tick, there=True):
                return
            self._fit(self._due(now), now, tick)
            with self._lock:
                self._trained = True
                if self.report:
                    self._draw_past(self.report.scores)
        except SentioError as error:
            self.errors["train"] = str(error)
            raise

    def _fit(self, due: Keys, now: int, tick: Tick) -> None:
        """Fit those that are ``due``. Raises what the detector does where nothing can be fitted now."""
        done, waiting, taken = 0, list[State](), time.monotonic()
        for fitted in self._learning.fits(self.line, due, now):
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
        new, judges, done = State((), {}) if there else fitted, list[State](), 0
        waiting, taken, wait = self._beginning(fitted), time.monotonic(), _TAKE_EVERY_S
        for part in prepared(self.line, self._learning.histories, waiting, self._judged_until(now), now):
            if self._stopped or not tick.alive:
                return False  # the next training goes on, or a successor's
            judges.append(part)
            done += len(part.keys)
            if done < len(waiting.keys) and time.monotonic() - taken >= wait:
                if not self._use(new, judges, set(waiting.keys[done:]), now, tick):
                    return False
                # Each time costs as much as there are series, so it is done ever more seldom.
                new, taken, wait = State((), {}), time.monotonic(), 2 * wait
                log.info("pipeline %s: %d of %d judges have begun", self.line.alias, done, len(waiting.keys))
        return self._use(new, judges, set(), now, tick)

    def _use(self, fitted: State, judges: list[State], unbegun: set[SeriesKey], now: int, tick: Tick) -> bool:
        """Use, publish and save these; series of which the judge is still ``unbegun`` are not judged until it has.
        Nothing is left in ``judges``: there is much of it."""
        with self._lock:
            if self._stopped or not tick.alive:
                return False
            new = better(self._memory.model, fitted)
            first = ~known(self._memory.model, new.keys) & usable(new) if new.keys else np.empty(0, bool)
            self._memory = replace(self._memory, model=refitted(self.line.detector, self._memory.model, new))
            self._unbegun = unbegun
            if first.any() or judges:
                self._announce(judges)
            self._learning.tried(fitted.keys, now)
            self._learning.keep_flagged(self._memory.model.keys)
        if fitted.keys:
            self._vitals.fitted(fitted)
        if fitted.keys or not unbegun:
            self._saved_at = now
            self._save(self.snapshot())
        give_back()
        return True

    def _save_in_time(self, now: int) -> None:
        """Judges, alerts and some detectors have learned since the last training; a kill is not to cost much of it."""
        if self._saved_at is None:
            self._saved_at = now
        if now - self._saved_at >= _SAVE_EVERY and not self._stopped:
            self._saved_at = now
            self._save(self.snapshot())

    def _due(self, now: int) -> Keys:
        """The series to fit now, of those that arrive."""
        with self._lock:
            live, model = self._arrivals.live, self._memory.model
        return self._learning.due(live, model, now)

    def _beginning(self, fitted: State) -> State:
        """Of the series ``fitted`` those that no judge has seen yet."""
        with self._lock:
            judged = self._memory.judged
        return beginning(self.line, judged, fitted)

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
        self._memory, report = self._rejudging.judged(self.line, self._memory, self.report, unbegun)
        self._rejudging.let_go(self.line.judge, self._memory, report, unbegun)
        self.recent.add(report.scores, again=True)
        self._publish(report, again=True)

    def _among_unbegun(self, keys: Keys) -> Bools | None:
        """``[S]``: which of ``keys`` are not to be judged yet; None where it is none."""
        waiting = self._unbegun
        return np.fromiter((key in waiting for key in keys), bool, len(keys)) if waiting else None
