"""A restart changes nothing of what is snoozed or flaps, whether a series is there then, or away, with a model or
without."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sentio.alerting import Flapping, Rule, Rules
from sentio.outlets import Fanout
from sentio.reports import Event
from sentio.state import SeriesStatus, State
from sentio.types import SeriesKey
from tests.core.test_runner import HOUR, STEP, A, B, C, House, Kept

SNOOZE = Rules(warning=Rule("value > 500"), critical=Rule("value > 5000"), recovery=1, snooze=HOUR)
SHORT = replace(SNOOZE, snooze=HOUR // 4)
FLAPPING = replace(SNOOZE, snooze=0, flapping=Flapping(changes=4, within=HOUR))
BRIEF = replace(FLAPPING, flapping=Flapping(changes=4, within=HOUR // 4))
HIGH = 1000.0
TTL = 8
"""Ticks until a series that stopped is let go of."""


class Written:
    """In place of the journal: what was written last."""

    def __init__(self) -> None:
        self.known: State | None = None

    def alerts(self, _pipeline: str) -> State | None:
        return self.known

    def write(self, entry) -> None:
        self.known = entry.alerts.get("q", self.known)


class Telling(House):
    """A and B have models, C came after their training; what is told is written."""

    def __init__(self, rules: Rules, **timing: int) -> None:
        self.rules, self.journal = rules, Written()
        super().__init__(A, B, **timing)
        self.train()
        self.source.keys = (A, B, C)
        self.score(0)

    def another(self):
        runner = super().another()
        runner._sinks = (Fanout("q", Kept(), lambda _: (), self.journal), self.sink)
        return runner

    def high(self, key: SeriesKey) -> list[Event]:
        self.source.bump[key] = HIGH
        return self.heard(1)

    def low(self, key: SeriesKey) -> list[Event]:
        self.source.bump.pop(key)
        return self.heard(1)

    def leave(self, key: SeriesKey) -> list[Event]:
        self.source.gone[key] = (self.now + STEP, 2**62)
        return self.heard(TTL)

    def back(self, key: SeriesKey) -> list[Event]:
        del self.source.gone[key]
        return self.heard(1)

    def heard(self, ticks: int) -> list[Event]:
        return [event for _ in range(ticks) for event in self.score().events]

    def restart(self, saved: State | None = None, *, journal: bool = True) -> None:
        """From what is ``saved`` now, or was then; ``journal``: with what was written."""
        saved = self.runner.snapshot() if saved is None else saved
        known = self.journal.known if journal else None
        saved, known = (State.from_arrays(s.to_arrays()) if s and s.keys else s for s in (saved, known))
        self.runner = self.another()
        self.runner.restore(saved, self.now, known)


def row(state: State, key: SeriesKey) -> dict[str, object]:
    at = state.keys.index(key)
    return {name: array[at].tolist() for name, array in state.arrays.items()}


def test_who_has_no_model_is_snoozed_on():
    house = Telling(SNOOZE)
    assert C not in house.runner.state.keys
    house.high(C)
    (ended,) = house.low(C)
    house.restart()
    assert house.high(C) == []
    house.score(ended.at + HOUR - house.now - STEP)
    (begun,) = house.heard(1)
    assert (begun.key, begun.at) == (C, ended.at + HOUR), "as long as without the restart"


@pytest.mark.parametrize("when", ["before", "while away"])
@pytest.mark.parametrize("key", [A, C])
def test_who_is_away_is_snoozed_on(key, when):
    """Saved before it went, and killed later; or saved at that very end. What others are told of meanwhile changes
    nothing of it."""
    house = Telling(SNOOZE)
    house.high(key)
    (ended,) = house.low(key)
    before = house.runner.snapshot()
    assert house.leave(key) == []
    assert [event.key for event in house.high(B)] == [B]
    house.restart(before if when == "before" else None)
    assert house.heard(TTL) == []
    house.source.bump[key] = HIGH
    assert house.back(key) == []
    house.score(ended.at + HOUR - house.now - STEP)
    assert [(event.key, event.at) for event in house.heard(1)] == [(key, ended.at + HOUR)]


@pytest.mark.parametrize("key", [A, C])
def test_whose_alert_ended_as_it_went_is_snoozed_on(key):
    house = Telling(SNOOZE)
    house.high(key)
    before = house.runner.snapshot()
    (ended,) = house.leave(key)
    assert ended.cause == "series stopped arriving"
    for saved in (before, None):
        house.restart(saved)
        assert house.heard(TTL) == [], "it is not awaited again"
        assert key not in house.sink.reports[-1].scores.keys
    assert house.back(key) == []
    house.source.bump[key] = 10 * HIGH
    assert [event.key for event in house.heard(1)] == [key], "a higher level is not snoozed"


def test_who_is_back_since_it_was_last_told_of_is_snoozed_on():
    house = Telling(SNOOZE)
    house.high(A)
    house.leave(A)
    house.source.bump[A] = 0.0
    assert house.back(A) == []
    house.restart()
    assert A in house.sink.reports[-1].scores.keys
    assert house.high(A) == []


def test_without_a_journal_it_is_as_it_was_saved():
    house = Telling(SNOOZE)
    house.high(A)
    house.leave(A)
    for _ in range(2):
        house.restart(journal=False)
        house.score()
    assert house.back(A) == []


def test_what_is_not_to_matter_any_more_is_not_kept():
    house = Telling(SNOOZE)
    house.high(A)
    house.leave(A)
    house.now += HOUR
    house.restart()
    assert house.runner._memory.away.keys == ()
    assert [event.key for event in house.back(A)] == [A]


@pytest.mark.parametrize("key", [A, C])
def test_who_comes_and_goes_flaps_across_restarts(key):
    house, causes = Telling(FLAPPING), []
    house.source.bump[key] = HIGH
    for _ in range(3):
        causes += [event.cause for event in house.heard(1)]
        causes += [event.cause for event in house.leave(key)]
        house.restart()
        house.score()
        del house.source.gone[key]
    began, gone = "value > 500", "series stopped arriving"
    assert causes == [began, gone, began, gone, "flapping: alerts started or ended 4 times within 1h", gone]


def test_a_clock_that_was_ahead_snoozes_no_longer_than_the_snooze():
    house = Telling(SNOOZE)
    house.high(A)
    house.leave(A)
    house.now -= HOUR // 2
    house.restart()
    assert row(house.runner._memory.away, A)["ended"] <= house.now


def test_what_an_earlier_version_wrote_is_read():
    """It saved nothing of what is away, and wrote of those that were let go of no more than when that was."""
    house = Telling(SNOOZE)
    house.high(A)
    house.leave(A)
    saved, known = house.runner.snapshot(), house.journal.known
    blank = house.runner.line.alerting.blank((A,))
    at, there = saved.keys.index(A), known.keys.index(A)
    assert known["level"][there] == -1
    for name, array in blank.arrays.items():
        saved[f"@alerts {name}"][at] = array[0]
        known[name][there] = known[name][there] if name in ("level", "ended") else 0
    house.restart(saved)
    assert house.heard(TTL) == []
    assert A not in house.sink.reports[-1].scores.keys
    assert [event.key for event in house.back(A)] == [A], "how high it had been nobody knows"


def test_an_alert_that_nobody_was_told_of_is_not_snoozed():
    """It stood when it was saved, of a series that is not awaited after the restart, for its fit is of no use."""
    house = Telling(SNOOZE)
    house.high(A)
    model = house.runner.state
    failed = np.where([key == B for key in model.keys], SeriesStatus.FAILED, model["status"]).astype(np.int8)
    house.runner._memory = replace(house.runner._memory, model=State(model.keys, {**model.arrays, "status": failed}))
    known = house.journal.known
    house.high(B)
    house.journal.known = known
    house.restart()
    assert [event.key for event in house.heard(1)] == [B]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("rules", "keys"), [(SHORT, (A, B, C)), (BRIEF, (A, B)), (replace(BRIEF, snooze=SHORT.snooze), (A, B))]
)
def test_what_is_told_is_the_same_with_restarts(rules, keys, seed):
    """Whatever rang, went and came before. What flaps is as it was saved last, what is snoozed as it was told last."""
    rng, house, other = np.random.default_rng(seed), Telling(rules), Telling(rules)
    saved, heard = house.runner.snapshot(), 0
    for _ in range(40):
        key, rings = keys[rng.integers(len(keys))], rng.random() < 0.6
        for one in (house, other):
            if rings:
                one.source.bump[key] = 0.0 if one.source.bump.get(key) else HIGH
            else:
                away = one.source.gone.get(key, (0, 0))[1] > one.now
                one.source.gone[key] = (0, 0) if away else (one.now + STEP, 2**62)
        both = [[(e.key, e.at, e.level_to, e.cause) for e in one.heard(TTL)] for one in (house, other)]
        assert both[0] == both[1]
        heard += len(both[0])
        if rng.random() < 0.3:
            house.restart(saved if rules is SHORT and rng.random() < 0.5 else None)
            saved = house.runner.snapshot()
    assert heard > 5, "else nothing was compared"
