"""Which kind each shape is called by the judge as it is run: with its own flags, scales and evidence, behind a detector
that knows what the series does otherwise; on noise of which each sample is by itself, and on noise that is like the
sample before. When it is said to have begun, how large it is said to be, and the sentence."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from sentio.judgement.incidents import Incidents
from sentio.judgement.judge import KIND, Judge
from sentio.judgement.kinds import Kind
from sentio.judgement.policy import Policy
from sentio.judgement.sentence import sentence
from sentio.types import Floats, Ints
from tests.judgement.test_judge import BEGIN, DAY, NOISE, STEP, judged, said, shape

SERIES, KNOWN = 40, 7 * DAY
ROWS = np.arange(SERIES)
BEGINS = KNOWN + 7 * ROWS
"""At another time of day in each series, and within one day."""
SAMPLES = int(BEGINS[-1]) + 60
SIDES = np.where(ROWS % 2, 1, -1)[:, None]
"""Of what may go either way, above and below in turns."""
STEP_UP, SLOPE, WIDER, LAG = 10 * NOISE, 0.75 * NOISE, 6.0, 8
NEARLY_ALL, MOST = 0.95, 0.9
"""Of the series."""


class Shape(NamedTuple):
    lasts: int
    """Samples."""
    named: int
    """Which of them is the first that has the right kind in most series; 0 is its very first."""
    field: str
    """Of `Incidents`, which says how large it is: here"""
    size: float | Floats
    """so much in each series,"""
    within: float
    """give or take that."""


SHAPES = {
    Kind.SPIKE: Shape(2, 0, "size", STEP_UP, 3 * NOISE),
    Kind.DIP: Shape(2, 0, "size", -STEP_UP, 3 * NOISE),
    Kind.LEVEL_SHIFT: Shape(24, 3, "size", SIDES[:, 0] * STEP_UP, 1.2 * NOISE),
    Kind.TREND_BREAK: Shape(30, 20, "size", SIDES[:, 0] * SLOPE * 15.5, 2.5 * NOISE),
    Kind.VARIANCE_CHANGE: Shape(30, 15, "spread", WIDER, 0.5 * WIDER),
    Kind.FLATLINE: Shape(24, 3, "run", 24, 0),
    Kind.DROP_TO_ZERO: Shape(12, 0, "percent", -100, 0.1),
    Kind.MISSING: Shape(12, 2, "run", 12, 0),
    Kind.EARLY_PATTERN: Shape(24, 16, "lag", -LAG, 1),
    Kind.LATE_PATTERN: Shape(24, 14, "lag", LAG, 1),
}


class Told(NamedTuple):
    """What is said of the incident that each series has."""

    kind: Kind
    """What all of them are."""
    published: Ints
    """``[S, lasts]`` the kind on the page at each of its samples; 0 while none is open."""
    end: Ints
    """Column of ``incidents`` that has the last of them."""
    incidents: Incidents

    def at_the_end(self, field: str) -> Floats:
        """``[S]`` of `Incidents`."""
        return np.asarray(getattr(self.incidents, field)[ROWS, self.end])


def noise(alike: float) -> Floats:
    """Each sample correlated so much with the one before."""
    rows = np.random.default_rng(60).normal(size=(SERIES, SAMPLES))
    for i in range(1, SAMPLES):
        rows[:, i] = alike * rows[:, i - 1] + np.sqrt(1 - alike**2) * rows[:, i]
    return NOISE * rows


def job(centre: Ints) -> Floats:
    """What comes once a day for some samples, ``[S, n]``, at another time in each series."""
    off = (np.arange(SAMPLES) - centre[:, None] + DAY // 2) % DAY - DAY // 2
    return 15 * NOISE * np.exp(-0.5 * (off / 4) ** 2)


def made(kind: Kind, alike: float) -> tuple[Floats, Floats]:
    """Values in which each series has one incident, and what was expected."""
    since = np.arange(SAMPLES) - BEGINS[:, None]
    expected, usual = shape(0, SAMPLES) + np.zeros(since.shape), noise(alike)
    # The earlier one is two scales of the noise high where the incident begins.
    soon, later = job(BEGINS + 8), job(BEGINS + 8 + LAG)
    expected = expected + {Kind.EARLY_PATTERN: later, Kind.LATE_PATTERN: soon}.get(kind, 0)
    values = expected + usual
    changed = {
        Kind.SPIKE: lambda: values + STEP_UP,
        Kind.DIP: lambda: values - STEP_UP,
        Kind.LEVEL_SHIFT: lambda: values + SIDES * STEP_UP,
        Kind.TREND_BREAK: lambda: values + SIDES * SLOPE * (since + 1),
        Kind.VARIANCE_CHANGE: lambda: values + WIDER * NOISE * np.random.default_rng(61).normal(size=values.shape),
        Kind.FLATLINE: lambda: np.take_along_axis(values, BEGINS[:, None], 1) + 0 * values,
        Kind.DROP_TO_ZERO: lambda: 0 * values,
        Kind.MISSING: lambda: np.nan * values,
        Kind.EARLY_PATTERN: lambda: values + soon - later,
        Kind.LATE_PATTERN: lambda: values + later - soon,
    }[kind]()
    return np.where((since >= 0) & (since < SHAPES[kind].lasts), changed, values), expected


def told_of(kind: Kind, alike: float) -> Told:
    values, expected = made(kind, alike)
    _, found = judged(Judge(Policy(), STEP), said(values, yhat=expected))
    assert found.incidents is not None
    during = BEGINS[:, None] + np.arange(SHAPES[kind].lasts)
    published = np.take_along_axis(found.scores.outputs[KIND], during, 1)
    return Told(kind, published.astype(np.int64), during[:, -1], found.incidents)


@pytest.fixture(
    scope="module", params=product(SHAPES, [0.0, 0.7]), ids=lambda param: f"{param[0].word}, alike by {param[1]}"
)
def told(request) -> Told:
    return told_of(*request.param)


def test_every_kind_has_a_shape():
    assert set(SHAPES) == set(Kind) - {Kind.NONE}


def test_a_shape_is_called_what_it_is_in_nine_of_ten_series_in_time_and_in_19_of_20_at_its_end(told):
    right = told.published == told.kind
    assert right[:, SHAPES[told.kind].named].mean() >= MOST
    assert right[:, -1].mean() >= NEARLY_ALL


def test_it_began_within_three_samples_of_when_it_did(told):
    late = (told.at_the_end("onset") - BEGIN) / STEP - BEGINS
    assert (np.abs(late) <= 3).mean() >= MOST


def test_it_is_about_as_large_as_it_is(told):
    of = SHAPES[told.kind]
    assert (np.abs(told.at_the_end(of.field) - of.size) <= of.within).mean() >= NEARLY_ALL
    assert np.isnan(told.at_the_end("size")).all() == (told.kind == Kind.MISSING)


def test_the_sentence_names_it_and_its_side(told):
    names = {Kind.MISSING: "Stopped arriving 1 h ago"}
    name = names.get(told.kind, told.kind.word.replace("_", " ").capitalize() + " since ")
    sides = {Kind.LEVEL_SHIFT: ("below", "above"), Kind.TREND_BREAK: ("falling away", "rising away")}
    for s in np.flatnonzero(told.published[:, -1] == told.kind):
        end = int(told.end[s])
        text = sentence(told.incidents, s, end, step=STEP, now=BEGIN + STEP * end)
        assert text.startswith(name)
        assert sides.get(told.kind, ("", ""))[int(SIDES[s, 0] > 0)] in text


def test_it_is_called_the_same_once_it_is_over(told):
    open_ = told.incidents.open
    over = [int(end) + int(np.argmin(open_[s, end:])) for s, end in enumerate(told.end)]
    assert not open_[ROWS, over].any()
    # A line that jumps back is a level or a spike in half the series: what is flagged after it counts in it.
    least = 0.35 if told.kind == Kind.TREND_BREAK else MOST
    assert (told.incidents.kind[ROWS, over] == told.kind).mean() >= least


def test_a_level_shift_begins_as_a_spike_or_a_dip():
    begun = told_of(Kind.LEVEL_SHIFT, 0.0).published[:, :3]
    assert (begun == np.where(SIDES > 0, Kind.SPIKE, Kind.DIP)).mean() >= NEARLY_ALL
