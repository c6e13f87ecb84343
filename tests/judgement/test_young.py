"""A series of which one day is known, judged behind a real model that does not know the day yet."""

from __future__ import annotations

import numpy as np

from sentio.config.model import DAY as A_DAY
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import Settings, configured
from sentio.types import ANOMALY, SECOND, Bools, Floats, Panel, SeriesKey

STEP = 300 * SECOND
DAY = 288
BEGIN = 1_699_920_000 * SECOND
SERIES = 12


def judged_from_the_second_day(values: Floats) -> Bools:
    """``[S, n]`` what is flagged, where the model is fitted once a day."""
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values)))
    panel = Panel(keys, BEGIN + STEP * np.arange(values.shape[1], dtype=np.int64), values)
    config, alias = configured(Settings(train_every=A_DAY), {}, STEP)
    return np.asarray(replay(config, alias, panel, start=DAY).outputs[ANOMALY] == 1)


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
