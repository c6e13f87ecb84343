"""Facts that hold for every detector of the catalog: small checks, crossed with all of them by test_catalog."""

from __future__ import annotations

import copy
import itertools

import numpy as np

from sentio.contracts import Detector, Forecaster
from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Panel, Scores, SeriesKey

STEP = 900 * SECOND
START = 1_700_006_400 * SECOND
VERDICT = {SCORE, ANOMALY}
EXPECTED = {YHAT, LOWER, UPPER}


def panel(series: int = 3, samples: int = 300, start: int = START, seed: int = 1) -> Panel:
    rng = np.random.default_rng(seed)
    times = start + STEP * np.arange(samples, dtype=np.int64)
    values = 50 + 10 * np.sin(times / SECOND / 86_400 * 2 * np.pi) + rng.normal(size=(series, samples))
    return Panel(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(series)), times, values)


def after(history: Panel, samples: int = 5) -> Panel:
    return panel(len(history.keys), samples, int(history.times[-1]) + STEP, seed=2)


def standard(detector) -> set[str]:
    """The outputs that every detector of its kind has."""
    return VERDICT | EXPECTED if isinstance(detector, Forecaster) else VERDICT


def same(a: Scores, b: Scores) -> None:
    assert a.keys == b.keys
    assert a.outputs.keys() == b.outputs.keys()
    for name in a.outputs:
        np.testing.assert_array_equal(a.outputs[name], b.outputs[name])


def check_follows_its_contract(detector) -> None:
    assert isinstance(detector, Detector)


def check_outputs_are_standard_and_shaped(detector) -> None:
    history = panel()
    fresh = after(history)
    _, scores = detector.score(detector.fit(history), fresh)
    assert set(scores.outputs) >= standard(detector)
    assert scores.keys == fresh.keys
    np.testing.assert_array_equal(scores.times, fresh.times)
    for name, output in scores.outputs.items():
        assert output.shape == fresh.values.shape, name
        assert output.dtype == np.float64, name


def check_score_and_flag_agree(detector) -> None:
    history = panel()
    fresh = after(history, 60)
    fresh.values[1, 20], fresh.values[2, 30] = 500.0, -500.0
    _, scores = detector.score(detector.fit(history), fresh)
    score, flag = scores.outputs[SCORE], scores.outputs[ANOMALY]
    np.testing.assert_array_equal(np.isnan(score), np.isnan(flag))
    said = np.isfinite(score)
    assert (score[said] >= 0).all()
    np.testing.assert_array_equal(score[said] > 1, flag[said] == 1)
    assert set(np.unique(flag[said])) <= {0.0, 1.0}


def check_score_and_flag_agree_with_the_band(detector) -> None:
    if not isinstance(detector, Forecaster):
        return
    history = panel()
    fresh = after(history)
    fresh.values[1, 2], fresh.values[2, 3] = 500.0, -500.0
    _, scores = detector.score(detector.fit(history), fresh)
    out = scores.outputs
    outside = (fresh.values < out[LOWER]) | (fresh.values > out[UPPER])
    np.testing.assert_array_equal(out[ANOMALY], outside.astype(float))
    np.testing.assert_array_equal(out[SCORE] > 1, outside)
    assert outside[1, 2]
    assert outside[2, 3]
    assert (out[SCORE] >= 0).all()
    assert (out[LOWER] < out[YHAT]).all()
    assert (out[YHAT] < out[UPPER]).all()


def check_inputs_are_left_alone(detector) -> None:
    history = panel()
    fresh = after(history)
    before, asked = history.values.copy(), fresh.values.copy()
    state = detector.fit(history)
    kept = copy.deepcopy(dict(state.arrays))
    detector.score(state, fresh)
    np.testing.assert_array_equal(history.values, before)
    np.testing.assert_array_equal(fresh.values, asked)
    for name, array in kept.items():
        np.testing.assert_array_equal(state[name], array)


def check_the_same_again_is_the_same(detector) -> None:
    history = panel()
    first, second = detector.fit(history), detector.fit(history)
    for name in first.arrays:
        np.testing.assert_array_equal(first[name], second[name])
    same(detector.score(first, after(history))[1], detector.score(second, after(history))[1])


def check_a_state_survives_being_written_down(detector) -> None:
    history = panel()
    state = detector.fit(history)
    again = State.from_arrays(state.to_arrays())
    same(detector.score(state, after(history))[1], detector.score(again, after(history))[1])


def check_scored_in_pieces_is_scored_at_once(detector) -> None:
    history = panel()
    fresh = after(history, 6)
    state = detector.fit(history)
    _, whole = detector.score(state, fresh)
    for cut in range(1, 6):
        first = Panel(fresh.keys, fresh.times[:cut], fresh.values[:, :cut])
        second = Panel(fresh.keys, fresh.times[cut:], fresh.values[:, cut:])
        between, left = detector.score(state, first)
        _, right = detector.score(State.from_arrays(between.to_arrays()), second)
        for name in whole.outputs:
            joined = np.concatenate([left.outputs[name], right.outputs[name]], axis=1)
            np.testing.assert_array_equal(joined, whole.outputs[name])


def check_a_series_is_judged_alike_whatever_stands_beside_it(detector) -> None:
    history = panel(4)
    whole, alone = detector.fit(history), detector.fit(history.rows(slice(2, 3)))
    fresh = after(history)
    _, among = detector.score(whole, fresh)
    _, single = detector.score(alone, fresh.rows(slice(2, 3)))
    for name in among.outputs:
        np.testing.assert_allclose(among.outputs[name][2:3], single.outputs[name], rtol=1e-12)


def check_the_order_of_series_does_not_matter(detector) -> None:
    history = panel(4)
    state, fresh = detector.fit(history), after(history)
    turned = np.array([3, 1, 0, 2])
    _, straight = detector.score(state, fresh)
    _, crossed = detector.score(state, fresh.rows(turned))
    for name in straight.outputs:
        np.testing.assert_array_equal(crossed.outputs[name], straight.outputs[name][turned])


def check_a_series_that_cannot_be_learned_has_a_status_and_harms_no_other(detector) -> None:
    history = panel(7)
    rows = history.values
    rows[0] = np.nan
    rows[1, 1:] = np.nan
    rows[2] = 7.0
    rows[3, ::2] = np.nan
    rows[4, 5] = 1e308
    rows[5] = -1e-300
    state = detector.fit(history)
    assert state.keys == history.keys
    assert state["status"][0] == SeriesStatus.LEARNING
    _, scores = detector.score(state, after(history))
    _, alone = detector.score(detector.fit(history.rows(slice(6, 7))), after(history).rows(slice(6, 7)))
    for name, output in scores.outputs.items():
        assert not np.isinf(output).any(), name
        np.testing.assert_allclose(output[6], alone.outputs[name][0], rtol=1e-12)
    if not isinstance(detector, Forecaster):
        return
    assert state["status"][1] == SeriesStatus.LEARNING
    for name, output in scores.outputs.items():
        assert np.isnan(output[:2]).all(), name
        assert np.isfinite(output[[2, 3, 6]]).all(), name


def check_a_missing_sample_is_not_judged(detector) -> None:
    history = panel()
    fresh = after(history)
    fresh.values[1] = np.nan
    _, scores = detector.score(detector.fit(history), fresh)
    assert np.isnan(scores.outputs[SCORE][1]).all()
    assert np.isnan(scores.outputs[ANOMALY][1]).all()
    if isinstance(detector, Forecaster):
        assert np.isfinite(scores.outputs[YHAT][1]).all()


def check_an_unknown_series_is_not_judged(detector) -> None:
    history = panel()
    fresh = after(history)
    renamed = Panel((SeriesKey("new"), *fresh.keys[1:]), fresh.times, fresh.values)
    _, scores = detector.score(detector.fit(history), renamed)
    _, known = detector.score(detector.fit(history), fresh)
    for name in standard(detector):
        assert np.isnan(scores.outputs[name][0]).all()
        np.testing.assert_array_equal(scores.outputs[name][1:], known.outputs[name][1:])


def check_nothing_is_learned_from_nothing(detector) -> None:
    state = detector.fit(Panel.empty(panel().times))
    assert state.keys == ()
    _, scores = detector.score(state, after(panel()))
    assert np.isnan(scores.outputs[SCORE]).all()
    _, none = detector.score(detector.fit(panel()), Panel.empty(np.array([START])))
    assert none.outputs[SCORE].shape == (0, 1)


def check_a_state_says_when_its_history_ended(detector) -> None:
    history = panel()
    state = detector.fit(history)
    assert (state["fitted_at"] == history.times[-1]).all()
    assert (state["first_at"] == history.times[0]).all()
    assert (state["samples"] == len(history.times)).all()
    assert state["detail"].tolist() == [""] * len(history.keys)


def check_what_learns_as_it_goes_may_be_stopped_anywhere(detector) -> None:
    """All that it has seen, in one go, in two, in samples; each time read back from what was written down."""
    if not getattr(detector, "learns_as_it_goes", False):
        return
    whole = panel(4, 400)
    whole.values[1, 50:90] = np.nan
    whole.values[2, 200:] += 30
    state = detector.fit(Panel(whole.keys, whole.times[:60], whole.values[:, :60]))
    _, at_once = detector.score(state, Panel(whole.keys, whole.times[60:], whole.values[:, 60:]))
    cuts = [60, 61, 62, 90, 91, 130, 250, 251, 399, 400]
    parts = []
    for first, end in itertools.pairwise(cuts):
        part = Panel(whole.keys, whole.times[first:end], whole.values[:, first:end])
        state, scores = detector.score(State.from_arrays(state.to_arrays()), part)
        parts.append(scores)
    for name, output in at_once.outputs.items():
        np.testing.assert_array_equal(np.concatenate([p.outputs[name] for p in parts], axis=1), output)


def check_what_learns_as_it_goes_learns_nothing_twice(detector) -> None:
    if not getattr(detector, "learns_as_it_goes", False):
        return
    history = panel(3, 200)
    state = detector.fit(history)
    again, _ = detector.score(state, Panel(history.keys, history.times[-20:], history.values[:, -20:]))
    assert again.arrays.keys() == state.arrays.keys()
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(again[name], array, err_msg=name)
    later, _ = detector.score(state, after(history))
    assert (later["fitted_at"] == after(history).times[-1]).all()
    assert (later["samples"] == 205).all()


def check_a_forecast_is_what_scoring_expects(detector) -> None:
    if not isinstance(detector, Forecaster):
        return
    history = panel()
    fresh = after(history)
    state = detector.fit(history)
    ahead = detector.forecast(state, fresh.times)
    _, scores = detector.score(state, fresh)
    assert ahead.keys == state.keys
    np.testing.assert_array_equal(ahead.yhat, scores.outputs[YHAT])
    np.testing.assert_array_equal(ahead.lower, scores.outputs[LOWER])
    np.testing.assert_array_equal(ahead.upper, scores.outputs[UPPER])
    assert (np.diff(ahead.upper - ahead.lower, axis=1) >= -1e-9).all()  # never surer further ahead


CHECKS = [value for name, value in sorted(globals().items()) if name.startswith("check_")]
