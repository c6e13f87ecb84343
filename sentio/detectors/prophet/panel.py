"""What the series of a panel share, and what is found of each.

The columns stand in this order: 1, the features X, t, the hinges; flat growth ends before t.
"""

from __future__ import annotations

from typing import NamedTuple

from sentio.types import Bools, Floats, Ints


class Grid(NamedTuple):
    """What the series of a panel share: ``n`` times and ``K`` features."""

    t: Floats
    """``[n]``, 0 to 1."""
    features: Floats
    """``[K, n]``"""
    sums: Floats
    """``[n + 1, 3 + 2K]``, over the times before: of 1, t, t², the features, t times the features."""
    gram: Floats
    """``[K, K]`` of the features over all times."""


class Prior(NamedTuple):
    """Of the model's parameters, and how many slope changes it has."""

    precision: Floats
    """``[1 + K + 1]`` of the normal ones: m, β, k."""
    tau: float
    """Scale of the Laplace one of slope changes."""
    changepoints: int
    share: float
    """Of the samples, the earlier ones, on which changepoints lie."""
    flat: bool


class Survey(NamedTuple):
    """What the samples of ``S`` series are like, a row for each."""

    samples: Ints
    """``[S]`` finite ones."""
    first: Ints
    """``[S]`` column of the first one; so is ``last``; 0 where there is none."""
    last: Ints
    low: Floats
    high: Floats
    paired: Bools
    """``[S]``: two neighbouring columns both have a sample."""


class Fits(NamedTuple):
    """What is found, a row for each of ``S`` series; in the scaled units of each."""

    scale: Floats
    """``[S]``, the largest size of a sample."""
    points: Floats
    """``[S, C]`` changepoints; infinity in the places behind them."""
    changepoints: Ints
    """``[S]``, how many there are; where there are none, the one of ``points`` is a slope from 0 on."""
    theta: Floats
    """``[S, K + 2 + C]`` coefficients in the order of the columns."""
    variance: Floats
    """``[S]`` of the noise."""
    fine: Bools
    """``[S]``: the maximum was found."""
