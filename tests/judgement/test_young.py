"""A series of which an hour or a day is known, judged behind a real model that does not know the day yet."""

from __future__ import annotations

import numpy as np
import pytest

from sentio.config.model import DAY as A_DAY
from sentio.config.model import HOUR
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import Settings, configured
from sentio.types import ANOMALY, SECOND, Bools, Floats, Panel, SeriesKey

STEP = 300 * SECOND
DAY = 288
BEGIN = 1_699_920_000 * SECOND
SERIES = 12


def judged(values: Floats, step: int, start: int, train_every: int) -> Bools:
    """``[S, n]`` what is flagged from ``start`` on."""
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values)))
    panel = Panel(keys, BEGIN + step * np.arange(values.shape[1], dtype=np.int64), values)
    config, alias = configured(Settings(train_every=train_every), {}, step)
    return np.asarray(replay(config, alias, panel, start=start).outputs[ANOMALY] == 1)


def judged_from_the_second_day(values: Floats) -> Bools:
    """``[S, n]`` what is flagged, where the model is fitted once a day."""
    return judged(values, STEP, DAY, A_DAY)


def test_a_young_series_may_be_where_it_was_at_this_time_yesterday_and_nowhere_else():
    rng = np.random.default_rng(40)
    clock = np.arange(3 * DAY) + rng.integers(0, DAY, (SERIES, 1))
    values = 100 + 60 * np.sin(2 * np.pi * clock / DAY) + 6 * rng.normal(size=(SERIES, 3 * DAY))
    spike = 3 * DAY - 30
    values[:, spike] += 150
    flagged = judged_from_the_second_day(values)
    assert flagged[:, spike].all()
    assert flagged[:, DAY:spike].any(axis=1).sum() <= 1


def test_a_slow_fall_in_a_young_series_does_not_become_what_it_is_measured_by():
    values = 100 + np.random.default_rng(41).normal(size=(SERIES, 3 * DAY))
    begin, lasts = DAY + 60, 72
    values[:, begin : begin + lasts] -= np.linspace(0, 100, lasts)
    values[:, begin + lasts :] -= 100
    flagged = judged_from_the_second_day(values)[:, begin:]
    assert flagged[:, :36].any(axis=1).all()
    assert flagged[:, 36:100].mean() > 0.9


def spiky(hours: int) -> Floats:
    """By the minute: an idle processor, which one sample in fifty finds at work."""
    rng = np.random.default_rng(42)
    shape = (SERIES, 60 * hours)
    return np.clip(3 + 0.5 * rng.normal(size=shape) + (rng.random(shape) < 0.02) * rng.gamma(2, 8, shape), 0, 100)


@pytest.mark.parametrize("hours", [20, 73])
def test_on_a_spiky_series_what_lasts_is_flagged_and_on_its_first_day_hardly_anything_else(hours):
    values = spiky(hours + 1)
    load = slice(60 * hours, 60 * hours + 30)
    values[:, load] += 60
    flagged = judged(values, 60 * SECOND, 60, HOUR)
    assert flagged[:, load].any(axis=1).sum() >= SERIES - 1
    begun = flagged[:, 61 : 60 * 20] & ~flagged[:, 60 : 60 * 20 - 1]
    assert begun.sum() <= 4 * SERIES
