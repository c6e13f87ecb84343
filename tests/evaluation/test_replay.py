"""A replay is the production pipeline, and no score of it knows what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sentio.evaluation.recorded import Recorded, gridded
from sentio.evaluation.replay import Replayed, replay
from sentio.evaluation.settings import Settings, configured
from sentio.grid import place
from sentio.judgement.kinds import Kind
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Panel, SeriesKey, Window
from tests.evaluation.made import BEGIN, DAY, STEP, daily, panel

HALF_DAY = 12 * 3600 * SECOND


def run(data: Panel, start: int = 0, at_once: int = 1000, **settings: Any) -> Replayed:
    config, alias = configured(Settings(**{"train_every": HALF_DAY, **settings}), {}, STEP)
    return replay(config, alias, data, start=start, at_once=at_once)


def cases() -> Panel:
    """One series that is always there; one with gaps, away for a day and a half, and back; one that comes late; one
    that ends; one with a flat line."""
    length = 5 * DAY
    always, pierced, late, ends, flat = (daily(length, i, gaps=0.1 * (i == 1)) for i in range(5))
    pierced[2 * DAY + 40 : 3 * DAY + 170] = np.nan
    late[: 2 * DAY + 17] = np.nan
    ends[3 * DAY + 5 :] = np.nan
    flat[DAY : 2 * DAY] = 50.0
    return panel(always, pierced, late, ends, flat)


def same(one: Replayed, other: Replayed, until: int) -> None:
    for outputs, others in ((one.outputs, other.outputs), (one.detector, other.detector)):
        assert outputs.keys() == others.keys()
        for name, values in outputs.items():
            np.testing.assert_array_equal(values[:, :until], others[name][:, :until], err_msg=name)


@pytest.mark.parametrize("start", [0, DAY])
def test_how_many_steps_a_tick_scores_changes_no_bit(start: int) -> None:
    data = cases()
    single = run(data, start, at_once=1)
    for at_once in (7, 1000):
        same(single, run(data, start, at_once), len(data.times))
    assert np.isfinite(single.outputs[SCORE][:, start:]).mean() > 0.6


def test_a_band_that_nobody_judges_does_not_become_narrower_by_what_it_leaves_out() -> None:
    noise = np.random.default_rng(2).normal(size=(3, 10 * DAY))
    config, alias = configured(
        Settings(train_every=HALF_DAY, changes=("judgement.enabled=false", "detector.interval_width=0.9")), {}, STEP
    )
    found = replay(config, alias, panel(*(100 + 10 * noise)), start=DAY)
    lower, upper = found.outputs[LOWER], found.outputs[UPPER]
    inside = (found.values >= lower) & (found.values <= upper)
    assert inside[:, 7 * DAY :].mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("until", [DAY + 1, 2 * DAY + 30, 3 * DAY + 100, 5 * DAY - 1])
def test_no_score_depends_on_a_later_sample(until: int) -> None:
    data = cases()
    whole = run(data, DAY)
    same(whole, run(Panel(data.keys, data.times[:until], data.values[:, :until]), DAY), until)
    other = data.values.copy()
    other[:, until:] = 1e6
    same(whole, run(Panel(data.keys, data.times, other), DAY), until)


def test_a_model_out_of_date_is_let_go_at_the_same_step_whatever_the_batch() -> None:
    # Nothing arrives for longer than the model lives (a day), but for one sample at its end.
    values = daily(5 * DAY, 3)
    values[2 * DAY : 4 * DAY] = np.nan
    same(run(panel(values), DAY, at_once=1), run(panel(values), DAY), 5 * DAY)


def test_every_sample_from_the_start_on_has_all_outputs_and_none_before() -> None:
    data = panel(daily(4 * DAY, 1))
    found = run(data, 2 * DAY)
    assert {YHAT, LOWER, UPPER, SCORE, ANOMALY} <= found.outputs.keys()
    for values in found.outputs.values():
        assert np.isnan(values[:, : 2 * DAY]).all()
        assert np.isfinite(values[:, 2 * DAY :]).all()
    assert found.keys == data.keys


def test_a_service_without_history_learns_as_it_goes() -> None:
    found = run(panel(daily(3 * DAY, 1)))
    score = found.outputs[SCORE][0]
    first = int(np.flatnonzero(np.isfinite(score))[0])
    assert 30 <= first <= 45  # min_samples is 30; the first model stands soon after
    assert np.isfinite(score[first:]).all()


def test_a_sample_is_judged_by_a_model_that_has_not_seen_it() -> None:
    values = daily(3 * DAY, 1)
    values[2 * DAY] += 200
    found = run(panel(values), 2 * DAY)
    assert found.outputs[ANOMALY][0, 2 * DAY] == 1
    assert abs(found.outputs[YHAT][0, 2 * DAY] - 50) < 30


def test_what_vanishes_or_stands_still_right_after_the_start_is_found_beside_a_coarse_history() -> None:
    """The judge has seen the last steps before, each of them, however wide the grid of what was fitted is."""
    series = [daily(3 * DAY, seed) for seed in (1, 2, 3)]
    at = 2 * DAY + 2
    series[0][at:], series[1][at:], series[2][at:] = 0, np.nan, 55.5
    config, alias = configured(Settings(train_every=HALF_DAY, changes=("train.max_points=300",)), {}, STEP)
    found = replay(config, alias, panel(*series), start=2 * DAY)
    kinds = found.outputs["anomaly_type"][:, at + 4]
    assert kinds.tolist() == [Kind.DROP_TO_ZERO, Kind.MISSING, Kind.FLATLINE]
    assert (found.outputs[ANOMALY][:, at + 4] == 1).all()


def test_refits_follow_a_change() -> None:
    values = daily(9 * DAY, 1)
    values[3 * DAY :] += 100
    # Without the judge, whose near-term correction follows it within the hour.
    found = run(panel(values), 2 * DAY, changes=("judgement.enabled=false",))
    error = np.abs(values - found.outputs[YHAT][0])
    assert error[3 * DAY : 3 * DAY + 20].mean() > 80
    assert error[8 * DAY :].mean() < 20


def test_what_is_excluded_has_no_score_and_disturbs_none(caplog: pytest.LogCaptureFixture) -> None:
    values = daily(4 * DAY, 1)
    wild = values.copy()
    times = panel(values).times
    hours = (times // (3600 * SECOND)) % 24
    night = (hours >= 22) | (hours < 6)
    wild[night] += 300
    changes = ('judgement.exclude=[{hours: "22-6"}]', "judgement.exclude_when=maintenance")
    config, alias = configured(Settings(changes=changes, train_every=HALF_DAY), {}, STEP)
    assert f"pipeline {alias}: judgement.exclude_when is not replayed, and leaves nothing out here" in caplog.messages
    found, other = (replay(config, alias, panel(one), start=2 * DAY) for one in (values, wild))
    same(replay(config, alias, panel(wild), start=2 * DAY, at_once=1), other, 4 * DAY)
    np.testing.assert_array_equal(found.outputs[SCORE], other.outputs[SCORE])
    np.testing.assert_array_equal(np.isnan(other.outputs[SCORE][0, 2 * DAY :]), night[2 * DAY :])
    assert np.isfinite(other.outputs[YHAT][0, 2 * DAY :]).all()


def test_panels_off_the_grid_are_refused() -> None:
    data = panel(daily(DAY, 1))
    off = Panel(data.keys, data.times + SECOND, data.values)
    with pytest.raises(
        ValueError, match=r"^replay: the times of the panel are not every multiple of 300000000000 ns; "
    ):
        run(off)
    with pytest.raises(ValueError, match=r"^replay: start is 288; a column from 0 to 287 is expected$"):
        run(data, DAY)


def test_the_source_shows_nothing_later_than_now() -> None:
    data = panel(daily(20, 1), np.full(20, np.nan))
    source = Recorded(data, STEP)
    source.now = BEGIN + 9 * STEP + STEP // 2
    seen = source.read("any", Window(BEGIN - 2 * STEP, BEGIN + 19 * STEP, STEP))
    assert seen.keys == data.keys[:1]
    assert np.flatnonzero(np.isfinite(seen.values[0])).tolist() == list(range(2, 12))
    np.testing.assert_array_equal(seen.values[0, 2:12], data.values[0, :10])


def test_samples_are_placed_on_the_step_that_ends_after_them() -> None:
    times = np.array([10, 19, 20, 21, 29, 35, 35, 50]) * SECOND
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, np.nan])
    placed = place(times, values, 10 * SECOND)
    assert placed.cells.tolist() == [1, 2, 2, 3, 3, 4, 4, 5]
    assert placed.taken.tolist() == [True, False, True, False, True, True, True, False]
    grid = gridded((SeriesKey("a"),), [(times, values)], 10 * SECOND)
    assert (grid.times // SECOND).tolist() == [10, 20, 30, 40, 50]
    np.testing.assert_array_equal(grid.values, [[1, 3, 5, 7, np.nan]])


def test_samples_in_any_order_are_the_same_grid() -> None:
    times = BEGIN + np.sort(np.random.default_rng(1).integers(0, 100, 200)) * STEP // 2
    values = np.arange(200.0)
    _, at = np.unique(times, return_index=True)
    mixed = np.random.default_rng(2).permutation(at)
    ordered = gridded((SeriesKey("a"),), [(times[at], values[at])], STEP)
    np.testing.assert_array_equal(
        ordered.values, gridded((SeriesKey("a"),), [(times[mixed], values[mixed])], STEP).values
    )
