"""The picture of an alert: what lies where."""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np
import pytest
from PIL import Image

from sentio.chart import png
from sentio.types import SECOND
from tests.sinks.alerts import event, recent

NONE = float("nan")
TOP, MIDDLE, BOTTOM, RIGHT = 10, 74, 138, 470
BAND, EXPECTED, CAME, OUTSIDE = (0xCF, 0xE0, 0xF5), (0x5B, 0x8D, 0xC9), (0x33,) * 3, (0xD0, 0x34, 0x2C)
PAPER = (0xFF,) * 3


class Picture:
    """A decoded one of samples, yhat, lower and upper; a number stands for all its samples."""

    def __init__(self, came: Sequence[float], yhat: object = NONE, lower: object = NONE, upper: object = NONE) -> None:
        rows = [np.broadcast_to(np.asarray(row, float), len(came)) for row in (came, yhat, lower, upper)]
        image = Image.open(io.BytesIO(png(event(recent=np.array(rows)))))
        assert (image.format, image.size) == ("PNG", (480, 160))
        self.pixels = np.array(image.convert("RGB")).astype(int)
        self._last = len(came) - 1

    def are(self, colour: tuple[int, ...], near: int = 0) -> np.ndarray:
        return np.abs(self.pixels - colour).max(axis=2) <= near

    @cached_property
    def left(self) -> int:
        """Where the frame begins, right of the numbers."""
        paper = self.are(PAPER)
        row = min((TOP, MIDDLE, BOTTOM), key=lambda y: paper[y].sum())
        return int(np.flatnonzero(paper[row, :200])[-1]) + 1

    def x(self, sample: float) -> int:
        return round(self.left + (RIGHT - self.left) * sample / self._last)

    @cached_property
    def dark(self) -> np.ndarray:
        """Where the samples are, without the words around them."""
        found = self.pixels.max(axis=2) < 0xA0
        found[:, : self.left] = found[BOTTOM + 4 :] = False
        return found


@pytest.mark.parametrize("biggest", [1.0, 1e308, 3e38, 5e-324], ids=str)
def test_samples_are_a_line_from_the_least_to_the_greatest(biggest: float) -> None:
    picture = Picture([-biggest, biggest])
    for x in range(picture.left + 5, RIGHT - 10):
        ys = np.flatnonzero(picture.dark[:, x])
        expected = BOTTOM - (BOTTOM - TOP) * (x - picture.left) / (RIGHT - picture.left)
        assert abs(ys.mean() - expected) < 1, x
        assert len(ys) <= 3
    diagonal = picture.pixels[20:130, picture.left + 20 : RIGHT - 20]
    assert len(np.unique(diagonal)) > 5, "its edges are smooth"


def test_the_band_lies_between_its_edges_and_what_was_expected_in_it() -> None:
    picture = Picture([5.0] * 5, yhat=6.0, lower=[0, 1, 2, 1, 0], upper=[10, 9, 8, 9, 10])
    band = picture.are(BAND)
    for sample, lower, upper in ((1, 1, 9), (2, 2, 8), (3, 1, 9)):
        x = picture.x(sample)
        ys = np.flatnonzero(band[:, x])
        assert ys[0] == pytest.approx(BOTTOM - 12.8 * upper, abs=1.5)
        assert ys[-1] == pytest.approx(BOTTOM - 12.8 * lower, abs=1.5)
        inside = set(range(ys[0], ys[-1])) - set(ys)
        lines = {round(BOTTOM - 12.8 * value) for value in (5, 6)}
        assert all(min(abs(y - line) for line in lines) <= 1 for y in inside)
        assert np.flatnonzero(picture.are(EXPECTED, near=40)[:, x]).tolist() == [61]
        assert MIDDLE in np.flatnonzero(picture.dark[:, x])
    assert not picture.are(OUTSIDE).any()


def test_gaps_stay_gaps_and_a_sample_between_two_is_a_dot() -> None:
    came = [1.0, 1.0, NONE, NONE, 1.0, NONE, 1.0, 1.0]
    picture = Picture(came, lower=[0, 0, 0, NONE, NONE, 0, NONE, NONE], upper=[2, 2, 2, NONE, NONE, 2, NONE, NONE])
    dark, band = picture.dark.any(axis=0), picture.are(BAND).any(axis=0)
    seen = [(x, bool(dark[picture.x(x)]), bool(band[picture.x(x)])) for x in (0.5, 1.5, 2.5, 3.5, 4, 4.5, 5, 5.5, 6.5)]
    assert seen == [
        (0.5, True, True),
        (1.5, False, True),
        (2.5, False, False),
        (3.5, False, False),
        (4, True, False),
        (4.5, False, False),
        (5, False, True),
        (5.5, False, False),
        (6.5, True, False),
    ]


@pytest.mark.parametrize(("newest", "colour"), [(5.0, OUTSIDE), (-5.0, OUTSIDE), (1.5, CAME)])
def test_the_newest_is_marked_and_so_is_what_lay_outside(newest: float, colour: tuple[int, ...]) -> None:
    picture = Picture([1.0, 1.0, 4.0, 1.0, newest], yhat=1.0, lower=0.0, upper=2.0)
    low, high = min(0.0, newest), max(4.0, newest)
    y = round(BOTTOM - (BOTTOM - TOP) * (newest - low) / (high - low))
    around = picture.are(colour)[y - 2 : y + 3, RIGHT - 2 : RIGHT + 3]
    assert around.all()
    assert picture.are(PAPER)[y, RIGHT + 5 :].all()
    at = round(BOTTOM - (BOTTOM - TOP) * (4 - low) / (high - low))
    assert picture.are(OUTSIDE)[at, picture.x(2)]
    assert picture.are(OUTSIDE)[:, : picture.x(1.5)].sum() == 0


@pytest.mark.parametrize("came", [[20.0] * 30, [20.0], np.full(9, 3e38), np.float32(0.1) + np.zeros(5)], ids=len)
def test_what_does_not_change_lies_in_the_middle_with_one_number(came: Sequence[float]) -> None:
    picture = Picture(came, yhat=came, lower=came, upper=came)
    assert picture.dark[MIDDLE, RIGHT]
    assert picture.dark[:, RIGHT - 8].any() == (len(came) > 1)
    numbers = np.flatnonzero((~picture.are(PAPER))[:145, : picture.left - 1].any(axis=1))
    assert MIDDLE - 8 < numbers[0] < numbers[-1] < MIDDLE + 8


def test_a_series_that_is_new_begins_at_the_left() -> None:
    padded = Picture([NONE] * 50 + [1.0, 2.0, 3.0])
    assert (padded.pixels == Picture([1.0, 2.0, 3.0]).pixels).all()


def test_the_first_and_the_last_time_are_said() -> None:
    def words(picture: np.ndarray) -> np.ndarray:
        return (picture[BOTTOM + 4 :] < 0xA0).any(axis=(0, 2))

    two = words(Picture([1.0, 2.0]).pixels)
    assert two[:200].any()
    assert two[300:].any()
    one = words(Picture([1.0]).pixels)
    assert not one[:300].any()
    assert one[300:].any()
    later = event(at=0)
    assert png(later) != png(replace(later, at=SECOND)) != png(replace(later, step=SECOND))


def test_no_sample_no_picture() -> None:
    nothing = [np.empty((4, 0), np.float32), np.full((4, 3), NONE), np.full((4, 3), np.inf)]
    assert [png(event(recent=values)) for values in nothing] == [b""] * 3


def test_infinities_are_gaps() -> None:
    picture = Picture([1.0, 2.0, np.inf, 2.0, 3.0], lower=-np.inf, upper=np.inf)
    assert picture.dark[:, picture.x(0.5)].any()
    assert not picture.dark[:, picture.x(2)].any()


def test_whatever_is_there_a_picture_is_drawn() -> None:
    numbers = (NONE, np.inf, -1e308, 0.0, 1e308)
    for came in itertools.product(numbers, repeat=2):
        for others in itertools.product([NONE, 1e308], [NONE, -1e308], [NONE, 1e308]):
            values = np.array([came, *([other] * 2 for other in others)])
            assert bool(png(event(recent=values))) == bool(np.isfinite(values[0]).any())


def test_threads_draw_the_same() -> None:
    events = [event(recent=recent(n), at=n) for n in range(10, 90)]
    alone = list(map(png, events))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(png, events)) == alone
