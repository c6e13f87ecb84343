"""Scores to alert levels, for all series at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import compress

import numpy as np
import numpy.typing as npt

from sentio.alerting.flapping import HELD, Hold, back_to
from sentio.alerting.latch import Latch
from sentio.alerting.memory import CHANGED, ENDED, LEVEL, NEVER, SINCE, TOP, Layout, Memory, Slot, fits, onto
from sentio.alerting.outcome import Change, Outcome
from sentio.alerting.rules import Rules, written
from sentio.alerting.watch import Sample, Samples
from sentio.reports import AlertLevel
from sentio.state import State
from sentio.types import Array, Bools, Failure, Keys, Scores, SeriesKey, positions

GONE = "series stopped arriving"
"""Why the alert of a series ends that is not awaited any more."""
REMOVED = "pipeline is no longer in the configuration"
UNRULED = "the rules have no such level any more"
"""Why an alert ends, or stands until a sample ends it, whose level only the rules before these had."""

_ALERT: Layout = {LEVEL: Slot(np.int8), SINCE: Slot(np.int64), TOP: Slot(np.int8), ENDED: Slot(np.int64, NEVER)}
"""Without these nothing is known of an alert."""
_ALWAYS: Layout = {**_ALERT, CHANGED: Slot(np.int64, NEVER)}

_ORDINARY, _OLD, _FLAPS, _CALM = range(4)
"""Why a level has changed: its condition, its age, flapping, the end of that."""


@dataclass(frozen=True, slots=True)
class _Decision:
    """``level [S]`` of one time, and ``why [S]``, where it has changed."""

    level: npt.NDArray[np.int8]
    why: npt.NDArray[np.int8]


class Alerting:
    """What ``rules`` say of scores. It keeps nothing itself: a state goes in, and the next one comes out.

    A time at which no sample of a series arrived changes nothing of it, but that its alert may grow too old; nor does a
    sample that is not later than its last change.

    Raises `ExpressionError` where an expression of the rules cannot be read.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        wanted = {
            AlertLevel.INFO: rules.info,
            AlertLevel.WARNING: rules.warning,
            AlertLevel.CRITICAL: rules.critical,
        }
        self._latches = tuple(Latch(level, rule, rules.recovery) for level, rule in wanted.items() if rule)
        self._hold = Hold(rules.flapping) if rules.flapping else None
        self._layout = {
            **_ALWAYS,
            **(self._hold.layout if self._hold else {}),
            **{name: slot for latch in self._latches for name, slot in latch.layout.items()},
        }
        self._reached = {latch.level: latch.when.expression.text for latch in self._latches}
        self._left = {latch.level: latch.left for latch in self._latches}

    def blank(self, keys: Keys) -> State:
        """Of series of which nothing is known yet."""
        return State(keys, {name: slot.blank(len(keys)) for name, slot in self._layout.items()})

    def fits(self, state: State) -> bool:
        """Whether ``state`` is one of these rules, or of such as remember the same."""
        return fits(self._layout, state)

    def resumed(self, saved: State, told: State | None, keys: Keys) -> State:
        """What is known of ``keys``: as in ``saved``; but where the last alert in ``told`` is another, as in that.

        ``told`` has all series of which an alert was told, as they were when the last one was: where it is known,
        nobody has heard of what differs from it. What counts towards the next level is newer in ``saved``.

        Where either is of other rules, its alerts stand on: whoever was told of one is to be told of its end. What
        these rules remember and those did not begins blank.
        """
        memory = onto(self._layout, self._taken_over(saved), keys)
        if told is None or not _of_alerts(told):
            return State(keys, memory)
        known = onto(self._layout, self._taken_over(told), keys)
        other = np.flatnonzero(np.any([memory[name] != known[name] for name in _ALWAYS], axis=0))
        for name, array in memory.items():
            memory[name] = array.copy()
            memory[name][other] = known[name][other]
        return State(keys, memory)

    def _taken_over(self, state: State) -> State:
        """``state`` as these rules remember it; of no series where it is no state of alerts."""
        if self.fits(state):
            return state
        if not _of_alerts(state):
            return self.blank(())
        fresh = self.blank(state.keys).arrays
        same = {name: a for name, a in state.arrays.items() if name in fresh and self._layout[name].fits(a)}
        return State(state.keys, {**fresh, **same})

    def step(self, state: State, scores: Scores) -> tuple[State, Outcome]:
        """Judge every time of ``scores``, of which there is at least one. The state that comes out has their series.

        ``state`` may be of other series, and in another order: what it lacks begins blank, what only it has is gone.
        One that does not fit is dropped, and with it the alerts that stood.
        """
        if not len(scores.times):
            raise ValueError("alerting: the scores have no time; at least one is expected")
        if not self.fits(state):
            state = self.blank(scores.keys)
        changed = self._gone(state, scores)
        memory = onto(self._layout, state, scores.keys)
        samples = Samples(scores)
        for column in range(len(scores.times)):
            sample = _new(samples.at(column), memory)
            decision = self._decide(memory, sample)
            changed += self._changes(memory, scores.keys, column, sample, decision)
            _settle(memory, decision.level, sample.at)
        return State(scores.keys, memory), self._outcome(memory, changed, self._failures(samples, len(scores.keys)))

    @property
    def outlasting(self) -> int:
        """How long (ns) after the end of an alert it matters that there was one."""
        return max(self.rules.snooze, self.rules.flapping.within if self.rules.flapping else 0)

    def left(self, state: State, at: int) -> State:
        """What is to be known of the series of ``state``, which fits and of which none is awaited from ``at`` ns on,
        when they are back: when their last alert ended and how high it was, but of none that is too long ago to
        matter. What their conditions have seen says nothing of what they are then."""
        stood = state[LEVEL] > AlertLevel.OK
        before = dict(state.arrays)
        memory = dict(self.blank(state.keys).arrays)
        memory |= {TOP: before[TOP], ENDED: np.where(stood, at, before[ENDED])}
        memory[CHANGED] = np.where(stood, at, before[CHANGED])
        if self._hold:
            self._hold.count(before, stood, before[TOP], at)
            memory |= self._hold.counted(before)
        return State(state.keys, memory).select(np.flatnonzero(memory[ENDED] > at - self.outlasting))

    def _decide(self, memory: Memory, sample: Sample) -> _Decision:
        """The level of each series after ``sample``."""
        level, active = self._reach(memory, sample)
        old = self._grown_old(memory, sample)
        level = self._without_snoozing(memory, np.where(old, AlertLevel.OK, level), sample)
        why = np.where(old, _OLD, _ORDINARY)
        if self._hold:
            kept = self._hold.step(memory, level, sample, active=active, old=old)
            level, why = kept.level, np.select([kept.flaps, kept.calm], [_FLAPS, _CALM], why)
        return _Decision(level.astype(np.int8), why.astype(np.int8))

    def _reach(self, memory: Memory, sample: Sample) -> tuple[Array, Bools]:
        """``[S]``: the highest level that stands, as before where no sample arrived; and whether a condition holds."""
        level: Array = np.zeros(len(sample.arrived), np.int8)
        active = np.zeros(len(level), np.bool_)
        for latch in self._latches:  # from the lowest up
            holds = latch.step(memory, sample)
            # Where no alert stands, as in a snooze, there is none that would have to recover.
            latch.end(memory, (memory[LEVEL] == AlertLevel.OK) & ~holds)
            active = active | holds
            level = np.where(latch.on(memory), np.int8(latch.level), level)
        return np.where(sample.arrived, level, memory[LEVEL]), active

    def _grown_old(self, memory: Memory, sample: Sample) -> Bools:
        """``[S]``: the alert is older than it may be; its levels are left."""
        before, max_age = memory[LEVEL], self.rules.max_age
        if max_age is None:
            return np.zeros(len(before), np.bool_)
        old = np.asarray((before > AlertLevel.OK) & (memory[SINCE] < sample.at - max_age))
        for latch in self._latches:
            # A higher level that is reached at this very time is no part of what has grown old.
            latch.end(memory, old & (before >= latch.level))
        return old

    def _without_snoozing(self, memory: Memory, level: Array, sample: Sample) -> Array:
        snoozing = (memory[LEVEL] == AlertLevel.OK) & (sample.at < memory[ENDED] + self.rules.snooze)
        return np.where(snoozing & (level <= memory[TOP]), AlertLevel.OK, level)

    def _changes(self, memory: Memory, keys: Keys, column: int, sample: Sample, decision: _Decision) -> list[Change]:
        """Of the series whose level is another than what ``memory`` has."""
        changes = []
        for row in np.flatnonzero(decision.level != memory[LEVEL]).tolist():
            before, after = AlertLevel(int(memory[LEVEL][row])), AlertLevel(int(decision.level[row]))
            since = int(memory[SINCE][row]) if before else sample.at
            cause = self._cause(before, after, int(decision.why[row]))
            changes.append(Change(keys[row], row, column, before, after, since, sample.at, cause))
        return changes

    def _cause(self, before: AlertLevel, after: AlertLevel, why: int) -> str:
        if why == _OLD:
            return f"older than max_age ({written(self.rules.max_age or 0)})"
        if self._hold and why != _ORDINARY:
            return self._hold.cause if why == _FLAPS else self._hold.over
        return self._reached.get(after, UNRULED) if after > before else self._left.get(before, UNRULED)

    def _gone(self, state: State, scores: Scores) -> list[Change]:
        """The ends of the alerts of series that ``scores`` do not have."""
        if state.keys == scores.keys:
            return []
        gone = compress(state.keys, (positions(state.keys, scores.keys) < 0).tolist())
        return _ends(state, gone, int(scores.times[0]), GONE)

    def _failures(self, samples: Samples, series: int) -> tuple[Failure, ...]:
        """One for each output that an expression asks for and that there is not."""
        known = ", ".join(samples.known)

        def meant(name: str) -> str:
            near = get_close_matches(name.lower(), samples.known, n=1)
            return f" (did you mean {near[0]}?)" if near else ""

        return tuple(
            Failure(
                watch.where,
                "unknown_output",
                f'asks for "{name}", which is no output; one of {known} is expected{meant(name)}',
                series,
            )
            for latch in self._latches
            for watch in latch.watches
            for name in watch.expression.names
            if name not in samples.known
        )

    def _outcome(self, memory: Memory, changed: list[Change], failures: tuple[Failure, ...]) -> Outcome:
        level, firing = memory[LEVEL], np.flatnonzero(memory[LEVEL] > AlertLevel.OK)
        causes = [self._reached.get(AlertLevel(one), UNRULED) for one in level[firing].tolist()]
        if self._hold:
            held = memory[HELD][firing].tolist()
            causes = [self._hold.cause if kept else cause for kept, cause in zip(held, causes, strict=True)]
        return Outcome(level, memory[SINCE], tuple(changed), firing, tuple(causes), failures)


def standing(state: State) -> Keys:
    """The series that have an alert, whatever the rules that it began under."""
    if not _of_alerts(state):
        return ()
    return tuple(compress(state.keys, (state[LEVEL] > AlertLevel.OK).tolist()))


def ends(state: State, at: int) -> list[Change]:
    """Of all alerts that stand, ``at`` ns: nobody watches their series any more."""
    return _ends(state, standing(state), at, REMOVED)


def not_after(state: State, at: int) -> State:
    """``state`` with none of its times after ``at`` ns, where the clock has gone back: nothing would change until it is
    as late again."""
    times = {name: np.minimum(state[name], at) for name in (SINCE, ENDED, CHANGED) if name in state.arrays}
    return State(state.keys, {**state.arrays, **times, **back_to(state, at)})


def _new(sample: Sample, memory: Memory) -> Sample:
    """``sample`` without the series whose level has changed at that time or later: after a kill a detector learns
    again from what the alerts have had."""
    return replace(sample, arrived=sample.arrived & (sample.at > memory[CHANGED]))


def _settle(memory: Memory, level: Array, at: int) -> None:
    """Remember that ``level [S]`` stands since ``at``, where it does not already."""
    before = memory[LEVEL]
    begun, ended = (before == 0) & (level > 0), (before > 0) & (level == 0)
    memory[SINCE] = np.where(begun, at, np.where(level > 0, memory[SINCE], 0))
    memory[TOP] = np.where(begun, level, np.maximum(memory[TOP], level))
    memory[ENDED] = np.where(ended, at, memory[ENDED])
    memory[CHANGED] = np.where(level != before, at, memory[CHANGED])
    memory[LEVEL] = level


def _ends(state: State, of: Iterable[SeriesKey], at: int, cause: str) -> list[Change]:
    """Of the alerts that the series ``of`` ``state`` have."""
    keys = tuple(of)
    rows = zip(keys, positions(keys, state.keys).tolist(), strict=True)
    return [
        Change(key, -1, -1, AlertLevel(int(state[LEVEL][row])), AlertLevel.OK, int(state[SINCE][row]), at, cause)
        for key, row in rows
        if state[LEVEL][row] > AlertLevel.OK
    ]


def _of_alerts(state: State) -> bool:
    """Whether ``state`` is one of alerts, whatever the rules, and whatever of further arrays its version knew."""
    return fits(_ALERT, State(state.keys, {name: array for name, array in state.arrays.items() if name in _ALERT}))
