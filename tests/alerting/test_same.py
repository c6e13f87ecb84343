"""What must make no difference: how samples and series are dealt out, a restart, and who works it out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentio.alerting import Alerting, Change, Flapping, Rule, Rules, standing, told
from sentio.state import State
from sentio.types import Array, Scores

from .oracle import Level, minutes, oracle
from .work import NAN, START, STEP, cut, levels, rows, run, scored

RULES = (
    Rules(recovery=2),
    Rules(warning=Rule("smooth(value, 3) > 1.5 for 2 of 3", "score < 0.7"), critical=Rule("score > 3")),
    Rules(
        Rule("value > 0.5 for 1 of 4"),
        Rule("smooth(smooth(score, 2) - value, 2) > 0.1 or value > 2"),
        Rule("value > 3 for 2", "smooth(value, 2) < 1 for 2"),
        recovery=1,
        snooze=minutes(3),
        flapping=Flapping(4, minutes(6)),
        max_age=minutes(7),
    ),
    Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, flapping=Flapping(3, minutes(5))),
    Rules(warning=Rule("value > 1"), recovery=1, snooze=minutes(2), max_age=minutes(2)),
)
NUMBERS = st.sampled_from([0.0, 0.6, 1.1, 2.3, 3.7, NAN])


@st.composite
def some_scores(draw: st.DrawFn) -> Scores:
    series, times = draw(st.integers(1, 4)), draw(st.integers(1, 24))
    block = st.lists(st.lists(NUMBERS, min_size=times, max_size=times), min_size=series, max_size=series)
    return scored(draw(block), anomaly_score=draw(block))


def stepped(alerting: Alerting, parts: Iterator[Scores], *, restart: bool) -> tuple[State, list[Change]]:
    state, found = State((), {}), []
    for part in parts:
        if restart:
            state = State.from_arrays({name: array.copy() for name, array in state.to_arrays().items()})
        state, outcome = alerting.step(state, part)
        np.testing.assert_array_equal(outcome.level, state["level"])
        found += outcome.changed
    return state, found


def same(one: State, other: State) -> None:
    assert one.keys == other.keys
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        assert array.dtype == other[name].dtype
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_in_pieces_as_in_one_go(data: st.DataObject) -> None:
    """With a restart between any two pieces, too."""
    alerting, scores = Alerting(data.draw(st.sampled_from(RULES))), data.draw(some_scores())
    count = len(scores.times)
    cuts = sorted({0, count, *data.draw(st.lists(st.integers(0, count), max_size=6))})
    whole = stepped(alerting, iter([scores]), restart=False)
    for restart in (False, True):
        pieces = (cut(scores, start, end) for start, end in pairwise(cuts))
        state, found = stepped(alerting, pieces, restart=restart)
        same(state, whole[0])
        assert found == whole_columns(whole[1], cuts)
    assert alerting.fits(state)


def whole_columns(changes: list[Change], cuts: list[int]) -> list[Change]:
    """The changes with columns counted from the last cut before them."""
    return [replace(c, column=c.column - max(start for start in cuts if start <= c.column)) for c in changes]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_order_and_number_of_the_series(data: st.DataObject) -> None:
    alerting, scores = Alerting(data.draw(st.sampled_from(RULES))), data.draw(some_scores())
    state, found = stepped(alerting, iter([scores]), restart=False)
    order = data.draw(st.permutations(range(len(scores.keys))))
    shuffled, again = stepped(alerting, iter([rows(scores, order)]), restart=False)
    same(shuffled, state.select(np.array(order)))
    assert {replace(c, row=order[c.row]) for c in again} == set(found)
    for row in range(len(scores.keys)):
        alone, _ = stepped(alerting, iter([rows(scores, [row])]), restart=False)
        same(alone, state.select(np.array([row])))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_inputs_are_left_alone(data: st.DataObject) -> None:
    alerting, scores = Alerting(data.draw(st.sampled_from(RULES))), data.draw(some_scores())
    state, _ = alerting.step(State((), {}), scores)
    before = {name: array.copy() for name, array in (*state.arrays.items(), ("@value", scores.values))}
    later = Scores(scores.keys, scores.times + minutes(len(scores.times)), scores.values, scores.outputs)
    alerting.step(state, later)
    for name, array in (*state.arrays.items(), ("@value", scores.values)):
        np.testing.assert_array_equal(array, before[name], err_msg=name)


LIMITS = {1: 0.5, 2: 1.0, 3: 3.0}


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_as_told_in_plain_python(data: st.DataObject) -> None:
    runs = data.draw(st.lists(st.tuples(NUMBERS, st.integers(1, 9)), min_size=1, max_size=16))
    values = [value for value, length in runs for _ in range(length)]
    numbers = sorted(data.draw(st.sets(st.sampled_from([1, 2, 3]), min_size=1)))
    recovery = data.draw(st.integers(1, 3))
    rules, told = {}, {}
    for number in numbers:
        among = data.draw(st.integers(1, 4))
        least = data.draw(st.integers(1, among))
        reset = data.draw(st.none() | st.sampled_from([0.3, 2.0]))
        told[number] = Level(LIMITS[number], least, among, reset, recovery)
        when = f"value > {LIMITS[number]} for {least} of {among}"
        rules[number] = Rule(when, "" if reset is None else f"value < {reset}")
    snooze = data.draw(st.sampled_from([0, 2, 5]))
    flapping = data.draw(st.none() | st.tuples(st.integers(2, 5), st.integers(2, 9)))
    max_age = data.draw(st.none() | st.integers(1, 8))
    alerting = Alerting(
        Rules(
            *(rules.get(number) for number in (1, 2, 3)),
            recovery,
            minutes(snooze),
            Flapping(flapping[0], minutes(flapping[1])) if flapping else None,
            None if max_age is None else minutes(max_age),
        )
    )
    assert levels(alerting, values) == oracle(values, told, snooze, flapping, max_age)


def test_a_restart_in_the_middle_of_everything() -> None:
    """Smoothed, three of five, on its way to recovery, snoozed, held: all of it is in the arrays."""
    rng = np.random.default_rng(3)
    scores = scored(rng.uniform(0, 4, (50, 60)).tolist())
    alerting = Alerting(RULES[2])
    straight, outcomes = run(alerting, scores)
    state, _ = run(alerting, cut(scores, 0, 31))
    saved = state.to_arrays()
    assert all(array.dtype != object for array in saved.values())
    again, later = run(Alerting(RULES[2]), cut(scores, 31, 60), State.from_arrays(saved))
    same(again, straight)
    assert [o.changed for o in later] == [o.changed for o in outcomes[31:]]
    assert sum(len(o.changed) for o in later) > 50
    assert state["held"].any()
    assert (state["level"] == 0).any()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_after_a_kill_every_alert_is_where_it_was(data: st.DataObject) -> None:
    """With a save of any time before, and what was told at the last change of a level."""
    scores, rules = data.draw(some_scores()), data.draw(st.sampled_from(RULES))
    alerting, times = Alerting(rules), len(scores.times)
    killed = data.draw(st.integers(0, times))
    saved_at = data.draw(st.integers(0, killed))
    state = saved = alerting.blank(scores.keys)
    known = None
    for column in range(killed):
        if column == saved_at:
            saved = state
        state, outcome = alerting.step(state, cut(scores, column, column + 1))
        known = told(state) if outcome.changed else known
    if saved_at == killed:
        saved = state
    again = alerting.resumed(saved, known, scores.keys)
    for name in ("level", "since", "top", "ended", "changed"):
        np.testing.assert_array_equal(again[name], state[name])
    if saved_at == killed:
        same(again, state)


@pytest.mark.parametrize("rules", [Rules(recovery=2), Rules(critical=Rule("score > 3"), recovery=1, snooze=minutes(1))])
def test_what_is_scored_again_after_a_kill_is_told_once(rules: Rules) -> None:
    """A detector that learns as it goes is given what came since the save once more."""
    alerting = Alerting(rules)
    scores = scored([[0, 0, 0, 2, 2, 4, 2, 2], [0, 2, 2, 0, 0, 0, 0, 2], [0, 0, 2, 2, 0, 0, 0, 0]])
    saved, _ = run(alerting, cut(scores, 0, 1))
    killed, outcomes = run(alerting, cut(scores, 1, 8), saved)
    assert sum(len(outcome.changed) for outcome in outcomes) >= 5
    again = alerting.resumed(saved, told(killed), scores.keys)
    _, outcomes = run(alerting, cut(scores, 1, 8), again)
    assert [outcome.changed for outcome in outcomes] == [()] * 7


def test_what_was_told_wins_over_a_save_that_is_ahead_of_it() -> None:
    alerting = Alerting(Rules(warning=Rule("value > 1"), recovery=1))
    scores = scored([[2, 0], [0, 2], [0, 0]])
    keys = scores.keys
    first, _ = run(alerting, cut(scores, 0, 1))
    ahead, _ = run(alerting, cut(scores, 1, 2), first)
    assert alerting.resumed(ahead, told(first), keys)["level"].tolist() == [2, 0, 0]
    assert alerting.resumed(ahead, None, keys)["level"].tolist() == [0, 2, 0]
    assert standing(told(first)) == keys[:1]


@pytest.mark.parametrize("known", [True, False])
def test_an_alert_that_another_version_remembers_with_less_stands_on(known: bool) -> None:
    alerting, scores = Alerting(Rules(warning=Rule("value > 1"), recovery=1)), scored([[2, 2, 0], [0, 0, 0]])
    state, _ = run(alerting, cut(scores, 0, 1))
    less = State(state.keys, {name: array for name, array in state.arrays.items() if name != "changed"})
    assert standing(less) == state.keys[:1]
    again = alerting.resumed(less, told(less) if known else None, state.keys)
    _, outcomes = run(alerting, cut(scores, 1, 3), again)
    changes = [(change.key, change.level_to, change.since) for outcome in outcomes for change in outcome.changed]
    assert changes == [(state.keys[0], 0, int(state["since"][0]))]


@pytest.mark.parametrize(
    ("rules", "causes"),
    [
        (Rules(Rule("value > 0.5"), Rule("value > 1"), recovery=1), ["value > 1 has not held for 1 sample"]),
        (Rules(warning=Rule("smooth(value, 2) > 1"), recovery=1), ["smooth(value, 2) > 1 has not held for 1 sample"]),
        (Rules(warning=Rule("value > 1", "value < 0.5")), ["reset: value < 0.5"]),
        (Rules(warning=None, critical=Rule("value > 3")), ["the rules have no such level any more"]),
        (Rules(warning=None), ["the rules have no such level any more"]),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_an_alert_of_other_rules_stands_on_and_its_end_is_told(rules: Rules, causes: list[str], known: bool) -> None:
    """Who was told that it began would have it for ever."""
    before = Alerting(Rules(warning=Rule("value > 1"), recovery=1))
    scores = scored([[0, 2, NAN, 0], [0, 0, NAN, 0]])
    state, _ = run(before, cut(scores, 0, 2))
    alerting = Alerting(rules)
    begun = told(state) if known else None
    if begun:
        assert standing(begun) == state.keys[:1]
    state = alerting.resumed(state, begun, state.keys)
    assert state["level"].tolist() == [2, 0]
    state, outcome = alerting.step(state, cut(scores, 2, 3))
    assert (outcome.level.tolist(), outcome.changed) == ([2, 0], ())
    _, outcome = alerting.step(state, cut(scores, 3, 4))
    assert [(c.level_from, c.level_to, c.since, c.cause) for c in outcome.changed] == [(2, 0, START + STEP, *causes)]


@pytest.mark.parametrize("when", ["value > 1", "smooth(value, 3) > 1"])
def test_where_nothing_was_told_of_any_series_nothing_stands(when: str) -> None:
    """A journal without a series, beside a save that is older than it."""
    saved, _ = run(Alerting(Rules(warning=Rule("value > 1"))), scored([[2]]))
    alerting = Alerting(Rules(warning=Rule(when)))
    assert alerting.resumed(saved, saved.select(np.empty(0, np.int64)), saved.keys)["level"].tolist() == [0]


@pytest.mark.parametrize(
    ("before", "after", "values"),
    [
        ("smooth(score, 3) >= 0.8", "smooth(value, 3) < 50", [100, 100, 100]),
        ("score > 0.1 for 4 of 5", "value > 199 for 4 of 5", [100, 100, 200]),
        ("score > 0.1 for 3", "value > 199 for 3", [200, 200]),
    ],
)
def test_what_another_condition_has_seen_is_not_counted(before: str, after: str, values: list[float]) -> None:
    old, new = (Alerting(Rules(warning=Rule(when))) for when in (before, after))
    state, _ = run(old, scored([[100, 100]], anomaly_score=[[0.5, 0.5]]))
    state = new.resumed(state, None, state.keys)
    _, outcomes = run(new, scored([values], anomaly_score=[[0.5] * len(values)]), state)
    assert [int(outcome.level[0]) for outcome in outcomes] == [0] * len(values)


def test_an_alert_of_other_rules_whose_condition_still_holds_is_the_same_one() -> None:
    state, _ = run(Alerting(Rules(warning=Rule("value > 1"))), scored([[2]]))
    alerting = Alerting(Rules(warning=Rule("value > 1"), critical=Rule("value > 5"), flapping=Flapping(4, minutes(6))))
    _, outcome = alerting.step(alerting.resumed(state, told(state), state.keys), scored([[2]]))
    assert (outcome.level.tolist(), outcome.changed) == ([2], ())


@pytest.mark.parametrize("arrays", [{}, {"level": np.full(1, 2, np.int8)}])
def test_what_is_no_state_of_alerts_is_no_use(arrays: dict[str, Array]) -> None:
    alerting = Alerting(Rules())
    keys = scored([[2]]).keys
    other = State(keys, arrays)
    assert standing(other) == ()
    same(alerting.resumed(other, other, keys), alerting.blank(keys))
