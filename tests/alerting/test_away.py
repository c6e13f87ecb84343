"""What is known of the alerts of series that are away, when they are back."""

from __future__ import annotations

import time

import numpy as np
import pytest

from sentio.alerting import Alerting, Change, Flapping, Rule, Rules, away, back
from sentio.reports import AlertLevel
from sentio.state import State, merged
from sentio.types import Keys, Scores, positions

from .work import NAN, START, STEP, keys

A, B = keys("a", "b")
MINUTE = STEP


class Watching:
    """One report after another, of the series that are there then; a minute each."""

    def __init__(self, rules: Rules) -> None:
        self.alerting = Alerting(rules)
        self.state, self.away, self.at = self.alerting.blank(()), State(()), START

    def see(self, values: dict, minutes: int = 1) -> tuple[Change, ...]:
        self.at += minutes * MINUTE
        rows = np.array([*values.values()], float).reshape(len(values), 1)
        scores = Scores(tuple(values), np.array([self.at]), rows, {})
        gone = away(self.alerting, self.away, self.state, scores.keys, self.at)
        self.state, outcome = self.alerting.step(back(self.away, self.state, scores.keys), scores)
        self.away = gone
        return outcome.changed

    def level(self, key: Keys) -> AlertLevel:
        return AlertLevel(int(self.state["level"][self.state.keys.index(key)]))


SNOOZE = Rules(warning=Rule("value > 1"), critical=Rule("value > 9"), recovery=1, snooze=60 * MINUTE)


def test_the_snooze_of_a_series_goes_on_while_it_is_away() -> None:
    watching = Watching(SNOOZE)
    watching.see({A: 2.0, B: 0.0})
    (ended,) = watching.see({B: 0.0})
    assert (ended.key, ended.cause) == (A, "series stopped arriving")
    assert watching.see({B: 0.0}, 30) == ()
    assert watching.see({A: 2.0, B: 0.0}) == ()
    assert watching.see({B: 0.0}) == (), "no alert began, so none ends"
    assert watching.see({A: 2.0, B: 2.0})[0].key == B, "of others nothing is known"
    assert watching.level(A) == AlertLevel.OK
    assert [c.key for c in watching.see({A: 2.0, B: 2.0}, 30)] == [A], "an hour after the end"


def test_a_higher_level_is_not_snoozed_when_it_is_back() -> None:
    watching = Watching(SNOOZE)
    watching.see({A: 2.0})
    watching.see({})
    (begun,) = watching.see({A: 10.0}, 5)
    assert begun.level_to == AlertLevel.CRITICAL


def test_what_its_condition_has_seen_is_forgotten() -> None:
    watching = Watching(Rules(warning=Rule("value > 1 for 3"), recovery=1, snooze=2 * MINUTE))
    for _ in range(3):
        watching.see({A: 2.0})
    watching.see({})
    assert [len(watching.see({A: 2.0}, 5)) for _ in range(3)] == [0, 0, 1]


def test_alerts_that_come_and_go_with_their_series_flap() -> None:
    watching = Watching(Rules(warning=Rule("value > 1"), recovery=1, flapping=Flapping(changes=4, within=60 * MINUTE)))
    causes = []
    for _ in range(3):
        causes += [change.cause for change in watching.see({A: 2.0})]
        causes += [change.cause for change in watching.see({A: NAN})]
        causes += [change.cause for change in watching.see({})]
    began, gone = "value > 1", "series stopped arriving"
    assert causes == [began, gone, began, gone, "flapping: alerts started or ended 4 times within 1h", gone]


@pytest.mark.parametrize("rules", [Rules(warning=Rule("value > 1")), SNOOZE])
def test_nothing_is_kept_that_does_not_matter(rules: Rules) -> None:
    watching = Watching(rules)
    watching.see({A: 2.0, B: 0.0})
    watching.see({})
    assert watching.away.keys == ((A,) if rules.snooze else ())
    watching.see({B: 0.0}, 59)
    assert watching.away.keys == ((A,) if rules.snooze else ())
    watching.see({B: 0.0})
    assert watching.away.keys == ()


def both_at_once(alerting: Alerting, before: State, state: State, seen: Keys, at: int) -> tuple[State, State]:
    """What `away` and `back` give, by way of everything that is known of any series."""
    parts = [part for part in (before, state) if part.keys]
    both = merged(parts) if parts else state
    gone = both.select(np.flatnonzero(positions(both.keys, seen) < 0))
    here = merged([before.select(np.flatnonzero(positions(before.keys, seen) >= 0)), state])
    return alerting.left(gone, at) if gone.keys else State(()), here


@pytest.mark.parametrize(
    "more", [{}, {"snooze": 20 * MINUTE}, {"flapping": Flapping(changes=4, within=30 * MINUTE), "snooze": 5 * MINUTE}]
)
@pytest.mark.parametrize("seed", range(5))
def test_what_is_away_is_what_all_that_is_known_says(more: dict, seed: int) -> None:
    rng, everyone = np.random.default_rng(seed), keys(*"abcdefgh")
    alerting = Alerting(Rules(warning=Rule("value > 1"), critical=Rule("value > 2 for 2"), recovery=1, **more))
    state, gone, ever, seen = alerting.blank(()), State(()), 0, everyone
    for minute in range(200):
        at = START + minute * MINUTE
        if rng.random() < 0.3:
            seen = tuple(everyone[i] for i in rng.permutation(8)[: rng.integers(9)].tolist())
        expected, whole = both_at_once(alerting, gone, state, seen, at) if more else (State(()), state)
        known = back(gone, state, seen)
        gone = away(alerting, gone, state, seen, at)
        assert_same(gone, expected)
        assert_same(known, whole)
        scores = Scores(seen, np.array([at]), rng.uniform(0, 3, (len(seen), 1)), {})
        state, _ = alerting.step(known, scores)
        ever += len(gone.keys)
    assert (ever > 0) == bool(more), "else nothing was compared"


def assert_same(one: State, other: State) -> None:
    assert one.keys == other.keys
    for name in one.arrays.keys() | other.arrays.keys() if one.keys else ():
        np.testing.assert_array_equal(one[name], other[name])


def test_of_many_series_one_that_is_away_costs_less_than_their_alerts() -> None:
    everyone = keys(*map(str, range(20_000)))
    alerting, seen = Alerting(SNOOZE), everyone[1:]
    state, _ = alerting.step(alerting.blank(()), Scores(everyone, np.array([START]), np.full((20_000, 1), 2.0), {}))
    gone = away(alerting, State(()), state, seen, START + MINUTE)
    state, spent, costs = alerting.blank(seen), [], []
    for minute in range(2, 8):
        scores = Scores(seen, np.array([START + minute * MINUTE]), np.zeros((len(seen), 1)), {})
        began = time.thread_time()
        gone, known = away(alerting, gone, state, seen, START + minute * MINUTE), back(gone, state, seen)
        spent.append(time.thread_time() - began)
        state, _ = alerting.step(known, scores)
        costs.append(time.thread_time() - began - spent[-1])
    assert gone.keys == everyone[:1]
    assert min(spent) < min(costs), f"{1e3 * min(spent):.2f} ms beside {1e3 * min(costs):.2f} ms"
