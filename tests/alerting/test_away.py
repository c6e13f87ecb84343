"""What is known of the alerts of series that are away, when they are back."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.alerting import Alerting, Change, Flapping, Rule, Rules, away, back
from sentio.reports import AlertLevel
from sentio.state import State
from sentio.types import Keys, Scores

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
