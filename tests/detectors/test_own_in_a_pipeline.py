"""A class of one's own in the two ticks: one series that it cannot bear, and a restart."""

from __future__ import annotations

import numpy as np

from sentio import catalog
from sentio.config.adapter import DetectorBlock
from sentio.remembered import Remembered, digest
from sentio.state import SeriesStatus
from sentio.types import ANOMALY
from tests.core.test_runner import HOUR, A, B, C, House

FRAGILE = "tests/configs/own/detectors.py:Fragile"


class Own(House):
    def another(self):
        block = DetectorBlock.of({"type": FRAGILE, "batch": 20})
        self.detector = catalog.resolve("detectors", FRAGILE)(block.options, None)
        return super().another()


def test_a_series_that_it_cannot_bear_is_told_apart_and_comes_back():
    house = Own(A, B, C)
    house.source.bump = {B: 5000.0}
    house.train()
    report = house.score(0)
    status = dict(zip(report.scores.keys, report.status.tolist(), strict=True))
    assert status == {A: SeriesStatus.READY, B: SeriesStatus.FAILED, C: SeriesStatus.READY}
    house.source.bump = {C: 600.0}
    report = house.score()
    row = report.scores.keys.index
    assert report.status[row(C)] == SeriesStatus.FAILED
    assert np.isfinite(report.scores.outputs[ANOMALY][[row(A)]]).all()
    assert house.value("sentio_series", state="failed") == 2
    # What failed is tried again at the next training, and what it can bear is learned.
    house.source.bump = {}
    house.score()
    house.now += HOUR
    house.train()
    report = house.score()
    assert report.status[row(C)] == SeriesStatus.READY


def test_a_restart_changes_nothing():
    house = Own(A, B)
    house.train()
    for _ in range(50):
        house.score()
    saved = house.runner.snapshot()
    whole = [house.score().scores for _ in range(30)]
    house.now -= 30 * house.timing.step
    house.runner = house.another()
    house.runner.restore(saved, house.now)
    again = [house.score().scores for _ in range(30)]
    for before, after in zip(whole, again, strict=True):
        assert before.keys == after.keys
        np.testing.assert_array_equal(before.times, after.times)
        np.testing.assert_array_equal(before.outputs["score"], after.outputs["score"])


def test_what_is_remembered_has_a_bound():
    kept: Remembered[int] = Remembered()
    kept.have_room(2)
    keys = [digest(np.array([float(i)]), 1) for i in range(5)]
    for i, key in enumerate(keys[:4]):
        assert kept.put(key, i) == i
    assert kept.get(keys[0]) == 0
    kept.put(keys[4], 4)
    assert [kept.get(key) for key in keys] == [0, None, 2, 3, 4]
    assert digest(np.array([1.0]), 1) != digest(np.array([1.0]), 2)
