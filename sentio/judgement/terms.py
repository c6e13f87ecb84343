"""What is handed from one part of the judge's arithmetic to the next."""

from __future__ import annotations

from typing import NamedTuple

from sentio.types import Floats, Ints


class Terms(NamedTuple):
    """What is asked for. Times in ns."""

    budget: float
    """Flags a day of one series that are all right."""
    outside: float
    """Share of samples that may lie outside the band."""
    accept_after: float
    """How long a shift must last to be the new normal."""
    above: bool
    """Whether what is larger than expected may be anomalous;"""
    below: bool
    """and what is smaller."""
    units: float
    """What is nearer than that to what is expected is not anomalous;"""
    part: float
    """nor what is nearer by this part of it."""
    resolution: float
    """The smallest step that the data can take; no scale is smaller."""
    lowest: float
    """What is below lies outside the range of the data;"""
    highest: float
    """and so does what is above."""
    of_values: bool
    """Whether the values themselves are judged; else it is a score of them, which says nothing of their size."""
    clock: Ints
    """``[k, 2]`` when the clocks that the hours of the day follow are put forward, and by how much: `put_forward`."""


class Verdict(NamedTuple):
    """Of ``S`` series at ``m`` times, each ``[S, m]``; NaN where there is no model, or no sample to judge."""

    expected: Floats
    """Units, with the near-term correction."""
    lower: Floats
    upper: Floats
    score: Floats
    pvalue: Floats
    base: Floats
    """Units: what is expected without the near-term correction; it does not follow a shift."""
    scale: Floats
    """Units: the usual size of a deviation from ``base``."""
    coverage: Floats
    skill: Floats
    bias: Floats
    fallback: Floats
    widening: Floats
    """Of the model's own band."""


class Lags(NamedTuple):
    """The errors before a sample, those that are missing as they were foretold, and what they say of it."""

    steps: int
    """Usual distances to the newest sample; 1 where there is no gap."""
    last: float
    """Units: the error one step before;"""
    second: float
    """two steps before;"""
    hour: float
    """and the mean of the last hour."""
    x: Floats
    """``[LAGS]`` what the near-term correction comes from."""
    foretold: float
    """Units: the correction."""
    growth: float
    """By how much its own error is larger than without a gap."""
    missing: float
    """Variance of the last error where it was not seen, in that of one step ahead."""


class Ahead(NamedTuple):
    """What is known of a sample before it is looked at; all but ``day`` and ``lags`` in units."""

    day: int
    """Which part of the day it is."""
    model: float
    half: float
    sigma: float
    """The standard deviation that the model says."""
    naive: float
    """What came at this time a day before; NaN where nothing did."""
    base: float
    """The error that lasts, at this time of day."""
    near_scale: float
    """The usual size of an error after the near-term correction;"""
    far_scale: float
    """and after ``base`` alone."""
    lags: Lags
    expected: float
