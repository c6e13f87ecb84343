"""Series that were let go of with an alert are remembered until a save knows it."""

from __future__ import annotations

import numpy as np

from sentio.alerting import GONE, Alerting, Rule, Rules, events, gone_since, parted, remembering, standing, told
from sentio.reports import AlertLevel, Event
from sentio.state import State, merged
from sentio.types import SECOND, Keys, Scores
from tests.alerting.work import keys

ALERTING = Alerting(Rules(warning=Rule("value > 1"), recovery=1))
A, B, C = keys("a", "b", "c")
DAY = 86_400 * SECOND


class Telling:
    """What is written after each step, and the time of the last one, in ns."""

    def __init__(self) -> None:
        self.state, self.known, self.at = ALERTING.blank(()), None, DAY

    def step(self, values: dict, after: int = SECOND) -> State:
        self.at += after
        scores = Scores(tuple(values), np.array([self.at]), np.array([*values.values()], float)[:, None], {})
        self.state, outcome = ALERTING.step(self.state, scores)
        changed, _ = events(outcome, scores)
        self.known = remembering(told(self.state), self.state.keys, changed, self.known, self.at)
        return self.known

    @property
    def left(self) -> Keys:
        return parted(self.known)[1].keys


def test_who_was_let_go_of_with_an_alert_is_remembered() -> None:
    telling = Telling()
    telling.step({A: 2.0, B: 2.0, C: 0.0})
    known = telling.step({A: 2.0})
    assert telling.left == (B,), "nobody was told anything of C"
    assert standing(known) == (A,)
    assert parted(known)[0]["level"].tolist() == [2, 0], "of B, that it is over"
    assert ALERTING.resumed(ALERTING.blank(()), parted(known)[0], (A, B))["level"].tolist() == [2, 0]
    telling.step({A: 0.0})
    assert telling.left == (B,), "whatever else is told"
    telling.step({})
    assert telling.left == (B,), "A had no alert any more"


def test_who_is_back_is_not_left_any_more() -> None:
    telling = Telling()
    telling.step({A: 2.0})
    telling.step({})
    assert telling.left == (A,)
    telling.step({A: 2.0})
    assert telling.left == ()
    assert standing(telling.known) == (A,)


def test_it_is_known_for_a_day() -> None:
    telling = Telling()
    telling.step({A: 2.0, B: 0.0})
    telling.step({B: 0.0})
    telling.step({B: 2.0}, DAY - SECOND)
    assert telling.left == (A,)
    telling.step({B: 0.0})
    assert telling.left == ()


def test_what_matters_once_it_is_back_goes_with_it() -> None:
    telling = Telling()
    alerting = Alerting(Rules(warning=Rule("value > 1"), recovery=1, snooze=DAY))
    telling.step({A: 2.0, B: 2.0})
    gone = alerting.left(telling.state.select(np.array([1])), telling.at + SECOND)
    event = Event(B, AlertLevel.WARNING, AlertLevel.OK, telling.at, telling.at + SECOND, GONE)
    known = remembering(told(merged([gone, telling.state.select(np.array([0]))])), (A,), [event], None, telling.at)
    over, left = parted(known)
    row = over.keys.index(B)
    assert left.keys == (B,)
    assert {name: array[row] for name, array in over.arrays.items()} == {n: a[0] for n, a in gone.arrays.items()}
    assert gone["top"].tolist() == [AlertLevel.WARNING]


def test_only_who_was_seen_last_before_it_has_gone_since() -> None:
    telling = Telling()
    telling.step({A: 2.0, B: 2.0})
    _, left = parted(telling.step({}))
    seen = np.array([telling.at - 1, telling.at + 1, telling.at - 1])
    assert gone_since(left, (A, B, C), seen).tolist() == [True, False, False]
    assert gone_since(State(()), (A, B, C), seen).tolist() == [False, False, False]


def test_what_is_no_state_of_alerts_has_none() -> None:
    other = State((A,), {"other": np.zeros(1)})
    assert [part.keys for part in parted(other)] == [(A,), ()]
    assert remembering(told(ALERTING.blank((A,))), (A,), (), other, DAY).keys == ()
