"""The events that are made of an outcome."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.alerting import Alerting, Change, Rule, Rules, events
from sentio.recent import Recent
from sentio.reports import AlertLevel
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Scores

from .work import NAN, START, STEP, cut, keys, run, scored, standard, warned

OK, WARNING, CRITICAL = AlertLevel.OK, AlertLevel.WARNING, AlertLevel.CRITICAL


def banded(values: list[list[float]]) -> Scores:
    array = np.array(values)
    outputs = {YHAT: array - 1, LOWER: array - 2, UPPER: array + 2, SCORE: array, ANOMALY: (array > 1) * 1.0}
    return scored(values, **{name: output.tolist() for name, output in outputs.items()})


def test_an_event_has_the_numbers_of_its_sample() -> None:
    alerting = warned("score > 1")
    scores = standard(7, 2)
    _, outcome = alerting.step(alerting.blank(()), scores)
    (event,), (firing,) = events(outcome, scores)
    for one, before in ((event, OK), (firing, WARNING)):
        assert (one.key, one.level_from, one.level_to) == (scores.keys[0], before, WARNING)
        assert (one.since, one.at, one.cause) == (START, START, "score > 1")
        assert (one.value, one.yhat, one.lower, one.upper, one.score) == (7, 10, 8, 12, 2)
        assert (one.kind, one.text, one.step) == ("", "", SECOND)
        assert one.recent.shape == (4, 0)


def test_an_escalation_is_an_event_of_the_same_alert() -> None:
    alerting = Alerting(Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1))
    scores = scored([[0, 2, 4, 2, 0]])
    _, outcome = alerting.step(alerting.blank(()), scores)
    found, firing = events(outcome, scores)
    assert [(e.level_from, e.level_to, (e.at - START) // STEP) for e in found] == [
        (OK, WARNING, 1),
        (WARNING, CRITICAL, 2),
        (CRITICAL, WARNING, 3),
        (WARNING, OK, 4),
    ]
    assert {e.since for e in found} == {START + STEP}
    assert [e.value for e in found] == [2, 4, 2, 0]
    assert firing == ()


def test_what_fires_is_told_at_its_newest_sample() -> None:
    alerting = warned("score > 1", recovery=3)
    scores = banded([[5, 4, NAN, NAN], [0, 0, 0, 0], [NAN, NAN, 3, NAN]])
    state, outcome = alerting.step(alerting.blank(()), scores)
    _, firing = events(outcome, scores)
    assert [(e.key, e.value, (e.at - START) // STEP, (e.since - START) // STEP) for e in firing] == [
        (scores.keys[0], 4, 1, 0),
        (scores.keys[2], 3, 2, 2),
    ]
    silent = banded([[NAN], [NAN], [NAN]])
    _, outcome = alerting.step(state, silent)
    found, firing = events(outcome, silent)
    assert found == ()
    assert [e.key for e in firing] == [scores.keys[0], scores.keys[2]]
    assert all(np.isnan([e.value, e.yhat, e.lower, e.upper, e.score]).all() for e in firing)


def test_outputs_that_are_not_there_are_no_numbers() -> None:
    alerting = warned("value > 1")
    scores = scored([[2.0]], other=[[1.0]])
    _, outcome = alerting.step(alerting.blank(()), scores)
    (event,), _ = events(outcome, scores)
    assert event.value == 2
    assert np.isnan([event.yhat, event.lower, event.upper, event.score]).all()


def test_recent_samples_end_with_the_events_own() -> None:
    alerting = warned("score > 1")
    recent = Recent()
    scores = banded([[0, 0, 0, 0, 0], [0, 0, 2, 2, 0]])
    state, _ = alerting.step(alerting.blank(()), cut(scores, 0, 2))
    recent.add(cut(scores, 0, 2))
    late = cut(scores, 2, 5)
    _, outcome = alerting.step(state, late)
    recent.add(late)
    found, firing = events(outcome, late, recent=recent.kept, step=STEP)
    begun, ended = found
    assert firing == ()
    assert begun.recent.dtype == np.float32
    assert begun.recent.shape == (4, 58)
    np.testing.assert_array_equal(begun.recent[:, -3:], [[0, 0, 2], [-1, -1, 1], [-2, -2, 0], [2, 2, 4]])
    assert np.isnan(begun.recent[:, :-3]).all()
    np.testing.assert_array_equal(ended.recent[0, -5:], [0, 0, 2, 2, 0])
    assert ended.step == STEP
    assert not np.shares_memory(begun.recent, recent.kept[1])


def test_more_samples_at_once_than_are_kept() -> None:
    alerting = warned("score > 1")
    recent = Recent()
    scores = banded([[2.0] + [0.0] * 70])
    _, outcome = alerting.step(alerting.blank(()), scores)
    recent.add(scores)
    begun, ended = events(outcome, scores, recent=recent.kept)[0]
    assert [begun.recent.shape, ended.recent.shape] == [(4, 0), (4, 0)]


def test_recent_samples_are_found_by_their_series() -> None:
    alerting = warned("score > 1")
    scores = banded([[2], [3]])
    _, outcome = alerting.step(alerting.blank(()), scores)
    kept = np.zeros((4, 1, 3), np.float32)
    found, _ = events(outcome, scores, recent=((scores.keys[1],), kept))
    assert [event.recent.shape for event in found] == [(4, 0), (4, 3)]


def test_words_are_asked_for_by_row_and_column() -> None:
    alerting = warned("score > 1")
    scores = banded([[0, 2], [2, 0]])
    _, outcome = alerting.step(alerting.blank(()), scores)
    kind, text = (lambda change, name=name: f"{name} {change.row},{change.column}" for name in ("kind", "text"))
    found, firing = events(outcome, scores, kind=kind, text=text)
    assert [(e.kind, e.text) for e in found] == [
        ("kind 1,0", "text 1,0"),
        ("kind 0,1", "text 0,1"),
        ("kind 1,1", "text 1,1"),
    ]
    assert [(e.kind, e.text) for e in firing] == [("kind 0,1", "text 0,1")]


def test_a_series_that_is_gone_has_an_event_without_numbers() -> None:
    alerting = warned("score > 1")
    scores = banded([[2], [2]])
    state, _ = run(alerting, scores)
    left = Scores(keys("1"), scores.times + STEP, scores.values[1:], {k: v[1:] for k, v in scores.outputs.items()})
    _, outcome = alerting.step(state, left)

    def never(change: Change) -> str:
        assert (change.row, change.column) == (0, 0)
        return "said"

    (gone,), (stays,) = events(outcome, left, kind=never, text=never, step=STEP)
    assert (gone.key, gone.level_from, gone.level_to) == (scores.keys[0], WARNING, OK)
    assert (gone.since, gone.at, gone.cause) == (START, START + STEP, "series stopped arriving")
    assert np.isnan([gone.value, gone.yhat, gone.lower, gone.upper, gone.score]).all()
    assert (gone.kind, gone.text, gone.recent.shape, gone.step) == ("", "", (4, 0), STEP)
    assert (stays.key, stays.kind) == (scores.keys[1], "said")


@pytest.mark.parametrize("series", [10_000])
def test_many_series(series: int) -> None:
    """The right ones, and no other."""
    rng = np.random.default_rng(1)
    alerting = warned("smooth(score, 2) > 1 for 2 of 3", recovery=2, snooze=STEP)
    scores = banded(rng.uniform(0, 2.5, (series, 6)).tolist())
    state, outcomes = run(alerting, scores)
    mean = (scores.values[:, 1:] + scores.values[:, :-1]) / 2 > 1
    third = mean[:, 0] & mean[:, 1]
    assert outcomes[2].firing.tolist() == np.flatnonzero(third).tolist()
    assert 1000 < third.sum() < 9000
    last = cut(scores, 5, 6)
    found, firing = events(outcomes[-1], last)
    assert len(state.keys) == series
    assert [e.key for e in firing] == [scores.keys[row] for row in outcomes[-1].firing.tolist()]
    assert len(found) == int((outcomes[-1].level != outcomes[-2].level).sum()) > 100
