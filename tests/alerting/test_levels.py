"""When a level is reached, how long it stands, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.alerting import Alerting, Flapping, Rule, Rules
from sentio.alerting.flapping import Hold
from sentio.reports import AlertLevel
from sentio.state import State
from sentio.types import SCORE, SECOND

from .work import NAN, START, STEP, changes, keys, levels, run, scored, told, warned

MINUTE = STEP


# --- samples that count ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "values", "expected"),
    [
        ("value > 1 for 3 of 5", [2, 2, 0, 0, 2, 0, 2, 0], [0, 0, 0, 0, 2, 0, 0, 0]),
        ("value > 1 for 3 of 5", [2, 2, NAN, NAN, NAN, NAN, 2, 0, 0], [0, 0, 0, 0, 0, 0, 2, 2, 2]),
        ("value > 1 for 3 of 5", [2, 0, 2, 0, 0, 2], [0, 0, 0, 0, 0, 0]),
        ("value > 1 for 3", [2, 2, 2, 0, 2, 2, 2], [0, 0, 2, 0, 0, 0, 2]),
        ("value > 1 for 3", [2, NAN, 2, NAN, 2, NAN, 0], [0, 0, 0, 0, 2, 2, 0]),
        ("value > 1 for 1 of 3", [2, 0, 0, 0], [2, 2, 2, 0]),
        ("value > 1", [2, NAN, NAN, 0], [2, 2, 2, 0]),
    ],
)
def test_some_of_the_last_samples(when: str, values: list[float], expected: list[int]) -> None:
    assert levels(warned(when), values) == expected


def test_sixty_samples_are_remembered() -> None:
    values = [2.0] * 60 + [0.0]
    assert levels(warned("value > 1 for 60"), values) == [0] * 59 + [2, 0]
    values = [2.0] + [0.0] * 60
    assert levels(warned("value > 1 for 1 of 60"), values) == [2] * 60 + [0]


@pytest.mark.parametrize(
    ("when", "values", "expected"),
    [
        ("smooth(value, 3) >= 2", [9, 0, 0, 0, 6], [0, 0, 2, 0, 2]),
        ("smooth(value, 3) >= 2", [3, 3, NAN, 0, 0], [0, 0, 0, 2, 0]),
        ("smooth(2 * value, 2) == 5", [2, 3], [0, 2]),
        ("smooth(smooth(value, 2), 2) == 2", [1, 2, 3], [0, 0, 2]),
        ("smooth(value, 2) > smooth(value, 3)", [0, 0, 3, 0, 0], [0, 0, 2, 2, 0]),
        ("smooth(value, 2) > 2 for 2", [3, 3, 3, 0], [0, 0, 2, 0]),
    ],
)
def test_smoothing(when: str, values: list[float], expected: list[int]) -> None:
    assert levels(warned(when), values) == expected


def test_a_smooth_is_no_number_while_one_of_its_samples_is_none() -> None:
    score = [5.0, NAN, 5.0, 5.0]
    assert levels(warned("smooth(score, 2) > 1"), [1.0] * 4, anomaly_score=score) == [0, 0, 0, 2]


def test_a_score_without_a_value_is_a_sample() -> None:
    """The judge says that the series is missing."""
    value, score = [1, NAN, NAN, NAN], [0, 5, 5, NAN]
    assert levels(warned("score > 1 for 2"), value, anomaly_score=score) == [0, 0, 2, 2]
    assert levels(warned("score > 1", recovery=2), value, anomaly_score=[5, 0, NAN, NAN]) == [2, 2, 2, 2]
    assert levels(warned("score > 1", recovery=2), value, anomaly_score=[5, 0, 0, NAN]) == [2, 2, 0, 0]


@pytest.mark.parametrize("when", ["score > 1", "score > 1 and value > 0", "score > 1 for 2 of 3", "pvalue < 0.1"])
def test_an_alert_does_not_end_because_nobody_judges_its_series(when: str) -> None:
    """As after a restart, until there is a model and a judge again."""
    score = [5, 5, NAN, NAN, NAN, NAN, 0, 0, 0, 0]
    found = levels(
        warned(when, recovery=2), [1.0] * 10, anomaly_score=score, anomaly_pvalue=[1 / (1 + 9 * s) for s in score]
    )
    assert found[1:7] == [2] * 6
    assert found[-1] == 0


@pytest.mark.parametrize("when", ["value > 1", "pvalue < 0.1", "value > 1 for 2 of 3", "smooth(value, 2) > 1"])
def test_an_alert_does_not_end_because_its_series_is_missing(when: str) -> None:
    """And the judge says so. What there was before and comes after is judged as if it had followed at once."""
    value, score = [2, 2, NAN, NAN, NAN, NAN, 2, 0, 0, 0, 0], [0, 0, 5, 5, 5, 5, 0, 0, 0, 0, 0]
    found = levels(
        warned(when, recovery=2), value, anomaly_score=score, anomaly_pvalue=[1 / (1 + 9 * v) for v in value]
    )
    assert found[1:7] == [2] * 6
    assert found[-1] == 0


def test_what_asks_for_no_score_needs_none() -> None:
    score = [NAN] * 6
    for when in ("value > 1", "value > 1 or score > 1", "value > yhat"):
        found = levels(warned(when, recovery=1), [2, 2, 0, 0, 0, 0], anomaly_score=score, yhat=[1.0] * 6)
        assert found[:2] == [2, 2]
        assert found[-1] == (2 if "score" in when else 0), when


def test_what_is_missing_can_be_left_out() -> None:
    value, score = [1, NAN, NAN, -1], [0, 5, 5, 5]
    assert levels(warned("score > 1"), value, anomaly_score=score) == [0, 2, 2, 2]
    assert levels(warned("score > 1 and abs(value) >= 0"), value, anomaly_score=score) == [0, 0, 0, 2]


def test_without_scores_the_values_alone_say_what_arrived() -> None:
    assert levels(warned("value > 1"), [2, NAN, 0], yhat=[1, 1, 1]) == [2, 2, 0]


# --- levels ----------------------------------------------------------------------------------------------------

THREE = Rules(Rule("value > 1"), Rule("value > 2"), Rule("value > 3"), recovery=1)


def test_the_highest_level_that_holds() -> None:
    assert levels(Alerting(THREE), [0, 1.5, 2.5, 3.5, 2.5, 1.5, 0, 9]) == [0, 1, 2, 3, 2, 1, 0, 3]


def test_an_alert_is_one_while_it_goes_up_and_down() -> None:
    assert changes(Alerting(THREE), [0, 1.5, 3.5, 2.5, 0, 2.5]) == [
        (1, 0, 1, 1, "value > 1"),
        (2, 1, 3, 1, "value > 3"),
        (3, 3, 2, 1, "value > 3 has not held for 1 sample"),
        (4, 2, 0, 1, "value > 2 has not held for 1 sample"),
        (5, 0, 2, 5, "value > 2"),
    ]


def test_since_is_of_the_alert_that_stands() -> None:
    _, outcomes = run(Alerting(THREE), scored([[0, 1.5, 3.5, 0, 1.5]]))
    assert [(outcome.since - START).tolist() for outcome in outcomes[1:3]] == [[MINUTE]] * 2
    assert [outcome.since.tolist() for outcome in (outcomes[0], outcomes[3])] == [[0]] * 2
    assert outcomes[4].since.tolist() == [START + 4 * MINUTE]


def test_levels_need_not_be_in_order_of_their_conditions() -> None:
    rules = Rules(warning=Rule("value > 3"), critical=Rule("value < 1"), recovery=1)
    assert levels(Alerting(rules), [2, 4, 0, 2]) == [0, 2, 3, 0]


def test_without_rules_nothing_is_an_alert() -> None:
    assert levels(Alerting(Rules(warning=None)), [0, 9e9]) == [0, 0]


def test_the_default_is_a_warning_that_five_samples_end() -> None:
    values = [0, 1, 1.1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert changes(Alerting(Rules()), values) == [
        (2, 0, 2, 2, "score > 1"),
        (12, 2, 0, 2, "score > 1 has not held for 5 samples"),
    ]


def test_each_level_recovers_by_itself() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=2)
    assert levels(Alerting(rules), [4, 2, 2, 0, 4, 0, 0]) == [3, 3, 2, 2, 3, 3, 0]


def test_recovery_counts_samples_that_arrived() -> None:
    assert levels(warned("value > 1", recovery=3), [2, 0, NAN, NAN, NAN, 0, 0]) == [2, 2, 2, 2, 2, 2, 0]


def test_a_reset_is_what_a_level_is_left_by() -> None:
    alerting = warned("value > 3", "value < 1")
    assert levels(alerting, [2, 4, 2, 2, 2, 2, 2, 2, 0.5, 2]) == [0, 2, 2, 2, 2, 2, 2, 2, 0, 0]
    assert changes(alerting, [4, 2, 0])[1] == (2, 2, 0, 0, "reset: value < 1")


def test_a_reset_over_several_samples() -> None:
    assert levels(warned("value > 3", "value < 1 for 2"), [4, 0, 2, 0, NAN, 0, 0]) == [2, 2, 2, 2, 2, 0, 0]


def test_a_level_stands_where_both_its_conditions_hold() -> None:
    assert levels(warned("value > 3", "value > 2"), [4, 4, 2.5]) == [2, 2, 0]


def test_a_reset_does_nothing_while_nothing_arrives() -> None:
    assert levels(warned("value > 3", "not value > 1"), [4, NAN, NAN, 0]) == [2, 2, 2, 0]


# --- snooze ----------------------------------------------------------------------------------------------------


def test_snooze_keeps_the_next_alert_away() -> None:
    alerting = warned("value > 1", snooze=3 * MINUTE)
    assert levels(alerting, [2, 0, 2, 2, 2, 0]) == [2, 0, 0, 0, 2, 0]
    assert changes(alerting, [2, 0, 2, 2, 2])[2] == (4, 0, 2, 4, "value > 1")


def test_snooze_is_over_between_samples() -> None:
    assert levels(warned("value > 1", snooze=3 * MINUTE), [2, 0, 2, NAN, NAN, 2]) == [2, 0, 0, 0, 0, 2]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 0, 2.5, 0], [1, 0, 2, 0]),
        ([1.5, 0, 1.5, 2.5], [1, 0, 0, 2]),
        ([2.5, 0, 1.5, 2.5, 3.5], [2, 0, 0, 0, 3]),
        ([3.5, 1.5, 0, 2.5, 3.5], [3, 1, 0, 0, 0]),
    ],
)
def test_a_level_above_the_last_alerts_is_not_snoozed(values: list[float], expected: list[int]) -> None:
    rules = Rules(THREE.info, THREE.warning, THREE.critical, recovery=1, snooze=60 * MINUTE)
    assert levels(Alerting(rules), values) == expected


@pytest.mark.parametrize("reset", ["", "value < 0"])
def test_after_a_snooze_no_alert_begins_whose_condition_does_not_hold(reset: str) -> None:
    """It held within the snooze, and has not recovered since; but no alert stands that would have to."""
    alerting = warned("value > 1", reset, recovery=3, snooze=4 * MINUTE)
    values = [2, -1, -1, -1, 2, 0.5, 0.5, 0.5, 0.5, 2]
    found = levels(alerting, values)
    assert found[-6:] == [0, 0, 0, 0, 0, 2]


def test_what_is_on_is_not_snoozed() -> None:
    rules = Rules(THREE.info, THREE.warning, THREE.critical, recovery=1, snooze=60 * MINUTE)
    assert levels(Alerting(rules), [3.5, 0, NAN, 1.5, 4.5]) == [3, 0, 0, 0, 0]
    assert levels(Alerting(rules), [1.5, 0, 2.5, 3.5, 1.5]) == [1, 0, 2, 3, 1]


# --- flapping --------------------------------------------------------------------------------------------------

FLAPPING = Flapping(changes=4, within=10 * MINUTE)
FLAPS = "flapping: alerts started or ended 4 times within 10m"
OVER = "flapping is over: no condition has held for 10m"


@pytest.mark.parametrize(
    ("length", "said"),
    [(90 * MINUTE, "1h30m"), (2 * 24 * 60 * MINUTE, "2d"), (SECOND // 2, "0.5s"), (61 * SECOND, "1m1s")],
)
def test_lengths_are_said_as_they_are_configured(length: int, said: str) -> None:
    assert Hold(Flapping(4, length)).over == f"flapping is over: no condition has held for {said}"


def test_what_flaps_is_held_until_it_is_quiet() -> None:
    values = [2, 0, 2, *[0] * 12, 2]
    alerting = warned("value > 1", flapping=FLAPPING)
    assert levels(alerting, values) == [2, 0, 2, *[2] * 9, 0, 0, 0, 2]
    assert changes(alerting, values) == [
        (0, 0, 2, 0, "value > 1"),
        (1, 2, 0, 0, "value > 1 has not held for 1 sample"),
        (2, 0, 2, 2, "value > 1"),
        (12, 2, 0, 2, OVER),
        (15, 0, 2, 15, "value > 1"),
    ]
    _, outcomes = run(alerting, scored([values]))
    assert [outcome.causes for outcome in outcomes[2:4]] == [("value > 1",), (FLAPS,)]


def test_a_condition_that_holds_keeps_it_held() -> None:
    values = [2, 0, 2, 0, 0, 0, 0, 0, 2, *[0] * 9, 0, 0]
    assert levels(warned("value > 1", flapping=FLAPPING), values) == [2, 0, *[2] * 16, 0, 0]


def test_what_is_let_go_is_not_held_again_for_it() -> None:
    """The end that was kept back, and the one that follows at last, are two changes of their own."""
    alerting = warned("value > 1", recovery=3, flapping=Flapping(2, 10 * MINUTE))
    assert levels(alerting, [2, *[0] * 12]) == [2] * 10 + [0] * 3


def test_slow_changes_are_none_of_it() -> None:
    values = [2, *[0] * 10, 2, *[0] * 10, 2, 0]
    assert levels(warned("value > 1", flapping=FLAPPING), values) == values


def test_what_is_far_apart_but_within_counts() -> None:
    values = [2, 0, *[0] * 7, 2, 0]
    assert levels(warned("value > 1", flapping=FLAPPING), values) == [2, *[0] * 8, 2, 2]


def test_the_highest_recent_level_is_held() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, flapping=FLAPPING)
    values = [2, 4, 0, 2, 0, 0]
    assert levels(Alerting(rules), values) == [2, 3, 0, 2, 3, 3]
    assert changes(Alerting(rules), values)[-1] == (4, 2, 3, 3, FLAPS)


def test_a_start_too_many_is_held_from_the_start() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, flapping=Flapping(3, 10 * MINUTE))
    assert changes(Alerting(rules), [4, 0, 2, 0])[2:] == [(2, 0, 3, 2, FLAPS.replace("4", "3"))]


def test_a_held_series_still_rises() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, flapping=FLAPPING)
    assert levels(Alerting(rules), [2, 0, 2, 0, 0, 4, 0, 2]) == [2, 0, 2, 2, 2, 3, 3, 3]
    assert changes(Alerting(rules), [2, 0, 2, 0, 0, 4])[-1] == (5, 2, 3, 2, "value > 3")


def test_silence_is_not_quiet() -> None:
    values = [2, 0, 2, 0, *[NAN] * 12, 0]
    alerting = warned("value > 1", flapping=FLAPPING)
    assert levels(alerting, values) == [2, 0, *[2] * 14, 0]
    assert levels(alerting, [*values[:-1], 2, 0]) == [2, 0, *[2] * 16], "held on, for it is back"
    assert levels(alerting, [2, 0, 2, 0, 2, *[NAN] * 10, 0]) == [2, 0, *[2] * 13, 0], "nothing has held in the silence"


def test_what_is_snoozed_does_not_flap() -> None:
    values = [2, 0, 2, 0, 2, 0, 2, 0]
    alerting = warned("value > 1", flapping=FLAPPING, snooze=6 * MINUTE)
    assert levels(alerting, values) == [2, 0, 0, 0, 0, 0, 0, 0]


def test_the_top_of_a_flapping_alert_counts_although_it_has_come_down() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, flapping=FLAPPING)
    assert levels(Alerting(rules), [4, 2, 0, 2, 0]) == [3, 2, 0, 2, 3]


# --- age -------------------------------------------------------------------------------------------------------

OLD = "older than max_age (3m)"


def test_an_old_alert_ends_and_waits_for_its_condition_to_be_false() -> None:
    alerting = warned("value > 1", max_age=3 * MINUTE)
    values = [2, 2, 2, 2, 2, 2, 2, 0, 2, 2]
    assert levels(alerting, values) == [2, 2, 2, 2, 0, 0, 0, 0, 2, 2]
    assert changes(alerting, values)[1:] == [(4, 2, 0, 0, OLD), (8, 0, 2, 8, "value > 1")]


def test_an_alert_that_only_recovers_may_begin_again_at_once() -> None:
    """At its end its condition is false already."""
    assert levels(warned("value > 1", max_age=3 * MINUTE, recovery=9), [2, 0, 0, 0, 0, 2]) == [2, 2, 2, 2, 0, 2]
    assert levels(warned("value > 1", "value < 0", max_age=3 * MINUTE), [2, 0, 0, 0, 0, 2]) == [2, 2, 2, 2, 0, 2]


def test_a_sample_that_does_not_arrive_is_no_false_condition() -> None:
    values = [2, 2, 2, 2, 2, NAN, 2, 0, 2]
    assert levels(warned("value > 1", max_age=3 * MINUTE), values) == [2, 2, 2, 2, 0, 0, 0, 0, 2]


def test_an_alert_grows_old_without_samples() -> None:
    assert levels(warned("value > 1", max_age=3 * MINUTE), [2, *[NAN] * 5, 2, 0, 2]) == [2, 2, 2, 2, 0, 0, 0, 0, 2]


def test_a_higher_level_is_news_after_an_old_alert() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, max_age=3 * MINUTE)
    assert levels(Alerting(rules), [2, 2, 2, 2, 2, 4, 2, 2]) == [2, 2, 2, 2, 0, 3, 0, 0]
    assert levels(Alerting(rules), [2, 2, 2, 2, 4, 4, 2]) == [2, 2, 2, 2, 0, 3, 0]
    assert levels(Alerting(rules), [4, 2, 2, 2, 2, 4, 2]) == [3, 2, 2, 2, 0, 3, 0]
    assert levels(Alerting(rules), [4, 4, 4, 4, 4, 4, 2, 4]) == [3, 3, 3, 3, 0, 0, 0, 3]


def test_a_long_age_is_told_in_full() -> None:
    alerting = warned("value > 1", recovery=9, max_age=20_000_001 * MINUTE)
    state, _ = run(alerting, scored([[2.0]]))
    late = scored([[2.0]])
    late = type(late)(late.keys, late.times + 20_000_002 * MINUTE, late.values, late.outputs)
    assert alerting.step(state, late)[1].changed[0].cause == "older than max_age (13888d21h21m)"


def test_age_counts_from_the_beginning_of_the_alert() -> None:
    rules = Rules(warning=Rule("value > 1"), critical=Rule("value > 3"), recovery=1, max_age=3 * MINUTE)
    assert levels(Alerting(rules), [2, 2, 4, 4, 4]) == [2, 2, 3, 3, 0]


def test_an_old_alert_is_not_held() -> None:
    alerting = warned("value > 1", flapping=FLAPPING, max_age=5 * MINUTE)
    assert levels(alerting, [2, 0, 2, 0, 0, 0, 0, 0, 0, 0]) == [2, 0, 2, 2, 2, 2, 2, 2, 0, 0]
    assert changes(alerting, [2, 0, 2, 0, 0, 0, 0, 0, 0])[-1] == (8, 2, 0, 2, "older than max_age (5m)")


# --- series that come and go, and outputs that are not there ---------------------------------------------------


def test_a_series_that_is_gone_ends_its_alert() -> None:
    alerting = warned("value > 1")
    names = keys("a", "b", "c")
    state, _ = run(alerting, scored([[2, 2], [0, 0], [2, 2]]))
    state = State(names, state.arrays)
    fresh = scored([[0.0, 0.0], [2.0, 2.0]])
    later = type(fresh)((names[1], names[2]), fresh.times + 5 * STEP, fresh.values, fresh.outputs)
    state, outcome = alerting.step(state, later)
    assert state.keys == later.keys
    assert [len(array) for array in state.arrays.values()] == [2] * len(state.arrays)
    assert outcome.level.tolist() == [0, 2]
    gone = outcome.changed[0]
    assert (gone.key, gone.row, gone.column) == (names[0], -1, -1)
    assert told(gone) == (5, 2, 0, 0, "series stopped arriving"), "at the first time without it"
    assert len(outcome.changed) == 1


def test_a_series_that_is_back_begins_anew() -> None:
    alerting = warned("value > 1 for 2", snooze=60 * MINUTE)
    both, one = scored([[2, 2, 0], [2, 2, 2]]), scored([[2.0]])
    state, _ = run(alerting, both)
    state, _ = alerting.step(state, one)
    state, outcome = alerting.step(state, scored([[2.0], [2.0]]))
    assert outcome.level.tolist() == [0, 0], "one sample of the second, the first is snoozed"
    _, outcome = alerting.step(state, scored([[2.0], [2.0]]))
    assert outcome.level.tolist() == [0, 2]


def test_the_state_follows_the_order_of_the_scores() -> None:
    alerting = warned("value > 1")
    scores = scored([[2.0], [0.0], [2.0]])
    state, _ = run(alerting, scores)
    turned = type(scores)(scores.keys[::-1], scores.times + STEP, np.full((3, 1), NAN), {})
    state, outcome = alerting.step(state, turned)
    assert state.keys == turned.keys
    assert outcome.level.tolist() == [2, 0, 2]
    assert outcome.since.tolist() == [START, 0, START]
    assert outcome.firing.tolist() == [0, 2]
    assert not outcome.changed


def test_an_output_that_is_not_there() -> None:
    rules = Rules(warning=Rule("value > 1 or Valeu < 0.1", "zz < 1"), critical=Rule("value > 3"), recovery=1)
    alerting = Alerting(rules)
    _, outcome = alerting.step(alerting.blank(()), scored([[2.0], [4.0]]))
    assert outcome.level.tolist() == [0, 3], "the whole condition is false, the other one is not"
    right = "which is no output; one of anomaly_score, score, value is expected"
    assert [(f.where, f.reason, f.count, f.text) for f in outcome.failures] == [
        ("alerts.warning", "unknown_output", 2, f'asks for "Valeu", {right} (did you mean value?)'),
        ("alerts.warning.reset", "unknown_output", 2, f'asks for "zz", {right}'),
    ]


def test_an_output_that_comes_later() -> None:
    alerting = warned("smooth(z, 2) > 1")
    state, outcome = alerting.step(alerting.blank(()), scored([[2.0, 2.0]]))
    assert len(outcome.failures) == 1
    state, outcome = alerting.step(state, scored([[2.0]], z=[[2.0]]))
    assert (outcome.level.tolist(), outcome.failures) == ([0], ())
    _, outcome = alerting.step(state, scored([[2.0]], z=[[2.0]]))
    assert outcome.level.tolist() == [2]


def test_scores_without_a_time_are_refused() -> None:
    alerting = warned("value > 1")
    with pytest.raises(ValueError, match=r"^alerting: the scores have no time; at least one is expected$"):
        alerting.step(alerting.blank(()), scored([[]]))


def test_no_series_at_all() -> None:
    alerting = warned("value > 1")
    empty = scored([[1.0]])
    empty = type(empty)((), empty.times, np.empty((0, 1)), {SCORE: np.empty((0, 1))})
    state, outcome = alerting.step(alerting.blank(()), empty)
    assert (state.keys, outcome.level.tolist(), outcome.changed) == ((), [], ())
    state, _ = run(alerting, scored([[2.0]]))
    _, outcome = alerting.step(state, empty)
    assert [told(change)[-1] for change in outcome.changed] == ["series stopped arriving"]


# --- states ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "alike"),
    [
        (Rules(warning=Rule("smooth(score, 3) >  1 for 3 of 5"), recovery=9, snooze=MINUTE, max_age=MINUTE), True),
        (Rules(warning=Rule("smooth(score, 3) > 2 for 3 of 5")), False),
        (Rules(warning=Rule("smooth(score, 4) > 1 for 3 of 5")), False),
        (Rules(warning=Rule("score > 1 for 3 of 5")), False),
        (Rules(warning=Rule("smooth(score, 3) > 1", "score < 1")), False),
        (Rules(warning=None, critical=Rule("smooth(score, 3) > 1 for 3 of 5")), False),
        (Rules(warning=Rule("smooth(score, 3) > 1 for 3 of 5"), info=Rule("score > 1")), False),
        (Rules(warning=Rule("smooth(score, 3) > 1 for 3 of 5"), flapping=FLAPPING), False),
    ],
)
def test_a_state_of_other_rules(rules: Rules, alike: bool) -> None:
    mine, other = Alerting(Rules(warning=Rule("smooth(score, 3) > 1 for 3 of 5"))), Alerting(rules)
    scores = scored([[2.0] * 6])
    state, outcomes = run(mine, scores)
    assert outcomes[-1].level.tolist() == [2]
    assert mine.fits(state)
    assert other.fits(state) is alike
    _, outcome = other.step(state, scored([[NAN]]))
    assert outcome.level.tolist() == [2 if alike else 0]


def test_a_state_with_other_flapping_does_not_fit() -> None:
    one, other = (warned("value > 1", flapping=Flapping(changes, MINUTE)) for changes in (3, 4))
    assert one.fits(one.blank(keys("a")))
    assert not other.fits(one.blank(keys("a")))


@pytest.mark.parametrize("state", [State((), {}), State(keys("a"), {"level": np.zeros(1, np.int8)})])
def test_any_other_state_is_dropped(state: State) -> None:
    alerting = warned("value > 1")
    assert not alerting.fits(state)
    _, outcome = alerting.step(state, scored([[2.0]]))
    assert outcome.level.tolist() == [2]


def test_a_state_with_another_type_of_numbers_does_not_fit() -> None:
    alerting = warned("value > 1")
    blank = alerting.blank(keys("a"))
    other = State(blank.keys, {**blank.arrays, "level": blank["level"].astype(np.int64)})
    assert alerting.fits(blank)
    assert not alerting.fits(other)


def test_levels_are_those_of_the_published_metric() -> None:
    _, outcomes = run(Alerting(THREE), scored([[0], [1.5], [2.5], [3.5]]))
    assert outcomes[0].level.dtype == np.int8
    assert [AlertLevel(level).word for level in outcomes[0].level.tolist()] == ["ok", "info", "warning", "critical"]
