"""What counts as flapping, where the clock is set back."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.alerting import Alerting, Change, Flapping, Rule, Rules, away, back, not_after
from sentio.reports import AlertLevel
from sentio.state import State
from sentio.types import SCORE, Scores

from .work import START, STEP, keys

MINUTE, HOUR = STEP, 60 * STEP
DAY = 24 * HOUR
(A,) = keys("a")
RULES = Rules(warning=Rule("score > 1"), recovery=1, flapping=Flapping(6, HOUR))


class Clocked:
    """One series, seen whenever the clock says so."""

    def __init__(self) -> None:
        self.alerting, self.at = Alerting(RULES), START
        self.state, self.away = self.alerting.blank((A,)), State(())

    def see(self, score: float, later: int = MINUTE, *, there: bool = True) -> tuple[Change, ...]:
        self.at += later
        row = np.full((int(there), 1), score)
        scores = Scores((A,) * there, np.array([self.at]), row, {SCORE: row})
        gone = away(self.alerting, self.away, self.state, scores.keys, self.at)
        self.state, outcome = self.alerting.step(back(self.away, self.state, scores.keys), scores)
        self.away = gone
        return outcome.changed

    def set_back(self, by: int) -> None:
        """As the runner does it, at its next tick."""
        self.at -= by
        self.state, self.away = (not_after(state, self.at) for state in (self.state, self.away))

    @property
    def level(self) -> AlertLevel:
        return AlertLevel(int(self.state["level"][0]))


@pytest.mark.parametrize("by", [0, MINUTE, 30 * MINUTE, DAY, 400 * DAY])
def test_what_is_held_is_let_go_once_it_has_been_quiet_for_long_enough(by: int) -> None:
    clocked = Clocked()
    for i in range(8):
        clocked.see(5.0 * (i % 2 == 0))
    assert clocked.level == AlertLevel.WARNING, "it is held"
    clocked.set_back(by)
    quiet = 0
    while clocked.level and quiet < 90:
        changed = clocked.see(0.0)
        quiet += 1
    assert quiet in (59, 60)
    assert [change.cause for change in changed] == ["flapping is over: no condition has held for 1h"]


@pytest.mark.parametrize("by", [0, HOUR, DAY])
def test_alerts_that_were_far_from_one_another_still_are(by: int) -> None:
    clocked = Clocked()
    for i in range(12):
        clocked.see(5.0 * (i % 2 == 0), 2 * HOUR)
    clocked.set_back(by)
    assert [change.cause for change in clocked.see(5.0)] == ["score > 1"]
    clocked.see(0.0)
    assert clocked.level == AlertLevel.OK


@pytest.mark.parametrize("by", [0, HOUR, DAY])
@pytest.mark.parametrize("leaves", [False, True])
def test_alerts_that_were_near_one_another_still_are(by: int, leaves: bool) -> None:
    clocked = Clocked()
    for i in range(4):
        clocked.see(5.0 * (i % 2 == 0))
    if leaves:
        clocked.see(0.0, there=False)
    clocked.set_back(by)
    for i in range(2):
        clocked.see(5.0 * (i % 2 == 0))
    assert clocked.level == AlertLevel.WARNING, "it is held"


@pytest.mark.parametrize("by", [HOUR, DAY])
def test_what_has_left_is_not_held_for_what_is_long_ago_by_then(by: int) -> None:
    clocked = Clocked()
    for i in range(4):
        clocked.see(5.0 * (i % 2 == 0))
    clocked.see(0.0, there=False)
    clocked.set_back(by)
    clocked.see(0.0, there=False)
    clocked.see(0.0, 2 * HOUR)
    for i in range(2):
        clocked.see(5.0 * (i % 2 == 0))
    assert clocked.level == AlertLevel.OK
