"""What is known of the hours of the day, where people's clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sentio.hours import wall_clock
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.state import State
from sentio.types import ANOMALY, LOWER, SECOND, UPPER, YHAT, Bools, Floats, Ints, Scores, SeriesKey
from tests.same import assert_same_arrays

STEP = 300 * SECOND
HOUR, DAY = 12, 288
SERIES = 12
BERLIN = "Europe/Berlin"
CHANGES = {"spring": "2026-03-29T01:00Z", "autumn": "2026-10-25T01:00Z"}
BEFORE, AFTER = 21 * DAY, 3 * DAY


def times(season: str) -> Ints:
    change = int(datetime.fromisoformat(CHANGES[season]).timestamp()) * SECOND
    return change + STEP * np.arange(-BEFORE, AFTER, dtype=np.int64)


def hours(at: Ints) -> Floats:
    """Of the day, by Berlin's clocks."""
    return wall_clock(at, BERLIN) / (3600 * SECOND) % 24


def said(at: Ints, values: Floats, expected: float, half: float) -> Scores:
    """Of a detector that knows nothing of the day."""
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values)))
    flat = np.full(values.shape, expected)
    return Scores(keys, at, values, {YHAT: flat, LOWER: flat - half, UPPER: flat + half})


def pieces(judge: Judge, scores: Scores, *at: int) -> tuple[State, Bools]:
    """The state after ``scores``, given in pieces that end before ``at``, and ``[S, m]`` what is flagged."""
    state, found, none = judge.blank(scores.keys), [], np.full(len(scores.keys), np.nan)
    for part in map(slice, (0, *at), (*at, len(scores.times))):
        some = Scores(
            scores.keys, scores.times[part], scores.values[:, part],
            {name: np.ascontiguousarray(out[:, part]) for name, out in scores.outputs.items()},
        )  # fmt: skip
        state, judged = judge.judge(state, some, before=none, fitted_at=np.ones(len(scores.keys), np.int64))
        found.append(judged.scores.outputs[ANOMALY] == 1)
    return state, np.concatenate(found, axis=1)


def flagged(scores: Scores, timezone: str) -> Bools:
    return pieces(Judge(Policy(timezone=timezone), STEP), scores)[1]


def job(at: Ints) -> Floats:
    """Four hours of each day, which begin a quarter past a full hour, at another one in each series."""
    begins = np.linspace(4.25, 19.25, SERIES).round() + 0.25
    on = (hours(at)[None, :] - begins[:, None]) % 24 < 4
    noise = np.random.default_rng(1).normal(size=on.shape)
    return np.asarray(np.where(on, 40 + 5 * noise, 2 + 0.5 * noise))


@pytest.mark.parametrize("season", CHANGES)
def test_a_job_of_each_day_is_as_expected_when_it_comes_by_the_clock(season):
    at = times(season)
    scores = said(at, job(at), 8.0, 35.0)
    known, unknown = (flagged(scores, zone)[:, BEFORE:].sum() for zone in (BERLIN, "UTC"))
    # In three days. Before, there are as many: samples at the job's edges.
    assert known <= 2 * SERIES
    assert unknown >= 10 * SERIES


@pytest.mark.parametrize("season", CHANGES)
def test_what_scatters_by_day_does_so_by_the_clock(season):
    at = times(season)
    rng = np.random.default_rng(2)
    busy = (hours(at) >= 8) & (hours(at) < 18)
    values = 100 + np.where(busy, 8.0, 1.0) * rng.normal(size=(SERIES, len(at)))
    scores = said(at, values, 100.0, 15.0)
    # The hour that has become one of the day.
    first = (hours(at) // 1 == (8 if season == "spring" else 17)) & (np.arange(len(at)) >= BEFORE)
    known, unknown = (flagged(scores, zone)[:, first].mean() for zone in (BERLIN, "UTC"))
    assert known < 0.01
    assert unknown > 3 * max(known, 0.01)


@pytest.mark.parametrize("season", CHANGES)
def test_no_bit_differs_where_samples_come_in_pieces_or_are_missing_at_the_change(season):
    at = times(season)[BEFORE - 3 * DAY :]
    change = 3 * DAY
    values = job(at)
    values[:, change - HOUR : change + 2 * HOUR] = np.nan
    values[1, change - 2 * DAY : change + DAY] = np.nan
    scores = said(at, values, 8.0, 35.0)
    judge = Judge(Policy(timezone=BERLIN), STEP)
    whole, found = pieces(judge, scores)
    for cuts in (
        (change,),
        (change + 1,),
        (change - 5, change + 7, change + HOUR + 1),
        tuple(range(change, change + 30)),
    ):
        state, again = pieces(judge, scores, *cuts)
        assert (found == again).all()
        assert_same_arrays(whole.arrays, state.arrays)


@pytest.mark.parametrize("season", CHANGES)
def test_what_is_known_of_an_hour_moves_once_also_where_the_series_was_away(season):
    """For two weeks, and the change is in them."""
    at = times(season)[BEFORE - 15 * DAY :]
    noise = np.random.default_rng(3).normal(size=(1, len(at)))
    values = 20 * np.cos(2 * np.pi * (hours(at) - 12.5) / 24) + noise
    values[:, 2 * DAY : 16 * DAY] = np.nan
    state, _ = pieces(Judge(Policy(timezone=BERLIN), STEP), said(at, values, 0.0, 60.0), 10 * DAY, 16 * DAY)
    noon = datetime.fromtimestamp(at[-1] / SECOND, ZoneInfo(BERLIN)).replace(hour=12).astimezone(UTC).hour
    track = state.arrays["track"][0]
    assert np.nanargmax(track["yesterday"]) == noon
    # Of two days before it and two after it; at another hour they would have no single peak.
    assert np.argmax(track["profile"]) == noon


@pytest.mark.parametrize("season", CHANGES)
def test_a_clock_that_is_set_back_across_the_change_moves_nothing_twice(season):
    """And one that was ahead of it for a sample moves nothing too soon."""
    at = times(season)[BEFORE - 4 * DAY :]
    change = 4 * DAY
    noise = np.random.default_rng(4).normal(size=(1, len(at)))
    values = 20 * np.cos(2 * np.pi * (hours(at) - 12.5) / 24) + 0.2 * noise
    judge, scores = Judge(Policy(timezone=BERLIN), STEP), said(at, values, 0.0, 60.0)
    order = np.r_[0 : change - DAY, change + 5, change - DAY : change + 8, change - HOUR : len(at)]
    state, none = judge.blank(scores.keys), np.full(1, np.nan)
    for columns in np.split(order, np.flatnonzero(np.diff(order) != 1) + 1):
        some = {name: np.ascontiguousarray(out[:, columns]) for name, out in scores.outputs.items()}
        part = Scores(scores.keys, at[columns], values[:, columns], some)
        state, _ = judge.judge(state, part, before=none, fitted_at=np.ones(1, np.int64))
    noon = datetime.fromtimestamp(at[-1] / SECOND, ZoneInfo(BERLIN)).replace(hour=12).astimezone(UTC).hour
    assert np.nanargmax(state.arrays["track"][0]["yesterday"]) == noon
    assert np.argmax(state.arrays["track"][0]["profile"]) == noon


@pytest.mark.parametrize("season", CHANGES)
def test_what_has_not_a_sample_in_each_hour_stays_in_the_hours_that_it_has(season):
    """At two hours: moved by one, all that is known would be where no sample ever is."""
    step = 2 * 3600 * SECOND
    change = int(datetime.fromisoformat(CHANGES[season]).timestamp()) * SECOND // step * step
    at = change + step * np.arange(-12 * 28, 12 * 28, dtype=np.int64)
    busy = (at // (3600 * SECOND) % 24 >= 8) & (at // (3600 * SECOND) % 24 < 18)
    values = 100 + 12 * busy + np.random.default_rng(5).normal(size=(SERIES, len(at)))
    scores = said(at, values, 100.0, 15.0)
    with_zone, without = (pieces(Judge(Policy(timezone=zone), step), scores) for zone in (BERLIN, "UTC"))
    assert (with_zone[1] == without[1]).all()
    assert_same_arrays(with_zone[0].arrays, without[0].arrays)
