"""Prophet's fitted model as arrays over all series, and its value and band at any time.

The arrays of a state, each with the series as its first axis (C changepoints, K design columns):

=============  ======  ========================================================================
status         [S]     `SeriesStatus`
fitted_at      [S]     ns, when the learned history ended
first_at       [S]     ns, when it began
samples        [S]     how many samples were learned from
detail         [S]     why a fit failed
start, span    [S]     wall-clock ns: scaled time is (t − start)/span
scale, floor   [S]     scaled value is (y − floor)/scale
k, m, sigma    [S]     base slope and offset, noise; scaled
rate           [S]     changepoints per unit of scaled time
points, delta  [S, C]  scaled times of the changepoints and their slope changes
beta           [S, K]  coefficients of the design's columns
least          [S]     the band is at least this far from yhat
=============  ======  ========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.interval import band_table
from sentio.state import SeriesStatus, State
from sentio.types import Array, Floats, Ints

_EPSILON = 1e-8  # Prophet adds it to the mean slope change

# A band narrower than this part of a constant's value, or of a series' range, would flag rounding errors.
_LEAST_OF_CONSTANT = 0.01
LEAST_OF_RANGE = 1e-3
_LEAST = 1e-6


def blank(series: int, design: Design) -> dict[str, Array]:
    """Arrays for ``series`` series of which nothing is known."""
    changepoints = max(1, design.options.n_changepoints)
    floats = ("k", "m", "sigma", "rate", "floor", "least")
    return {
        "status": np.full(series, SeriesStatus.LEARNING, np.int8),
        "fitted_at": np.zeros(series, np.int64),
        "first_at": np.zeros(series, np.int64),
        "samples": np.zeros(series, np.int64),
        "detail": np.full(series, "", "U1"),
        "start": np.zeros(series, np.int64),
        "span": np.ones(series, np.int64),
        "scale": np.ones(series),
        **{name: np.zeros(series) for name in floats},
        # Beyond any horizon, so that a place that holds no changepoint changes nothing.
        "points": np.full((series, changepoints), np.inf),
        "delta": np.zeros((series, changepoints)),
        "beta": np.zeros((series, design.width)),
    }


def constant(value: float) -> dict[str, float]:
    """The scalars of a series that never changed, by name."""
    scale = abs(value) or 1.0
    return {"m": value / scale, "scale": scale, "least": max(_LEAST_OF_CONSTANT * abs(value), _LEAST)}


@dataclass(frozen=True, slots=True)
class Expected:
    """``yhat`` and the distance ``half`` of the band's edges from it, both ``[S, m]``."""

    yhat: Floats
    half: Floats


def expected(state: State, design: Design, times: Ints) -> Expected:
    """At ``times [m]`` (UTC ns); NaN for a series that has no model."""
    wall = design.wall_clock(times)
    a = state.arrays
    t = (wall[None, :] - a["start"][:, None]) / a["span"][:, None]
    trend, slope = _trend(a, design, t)
    features = design.matrix(wall)
    multiplicative = design.multiplicative
    factor = 1 + _products(a["beta"][:, multiplicative], features[:, multiplicative])
    additive = _products(a["beta"][:, ~multiplicative], features[:, ~multiplicative])
    scale = a["scale"][:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        yhat = (trend * scale + a["floor"][:, None]) * factor + additive * scale
        half = np.maximum(_half(a, design, t, slope * factor) * scale, a["least"][:, None])
        # Whatever the growth: a logistic one has no slope at which it stands still at a value.
        constant = a["status"] == SeriesStatus.CONSTANT
        yhat[constant] = (a["m"] * a["scale"])[constant, None]
        finite = np.isfinite(yhat - half) & np.isfinite(yhat + half)
    known = (a["status"] == SeriesStatus.READY) | (a["status"] == SeriesStatus.CONSTANT)
    usable = known[:, None] & finite
    return Expected(np.where(usable, yhat, np.nan), np.where(usable, half, np.nan))


def _products(beta: Floats, features: Floats) -> Floats:
    """``[S, m]``. Not by BLAS, whose last digit depends on how many rows there are: a sample must score the same
    whatever is scored beside it."""
    return np.asarray(np.einsum("sk,mk->sm", np.ascontiguousarray(beta), np.ascontiguousarray(features)))


def _trend(a: Mapping[str, Array], design: Design, t: Floats) -> tuple[Floats, Floats]:
    """The scaled trend ``[S, m]``, and by how much it moves for a unit that its slope term does."""
    growth = design.options.growth
    one = np.ones_like(t)
    if growth == "flat":
        return a["m"][:, None] * one, 0 * one
    if growth == "logistic":
        exponent = _logistic_exponent(a, t)
        cap = (design.options.cap or 0.0) - design.options.floor
        share = 1 / (1 + np.exp(-np.clip(exponent, -700, 700)))
        scaled_cap = (cap / a["scale"])[:, None]
        return scaled_cap * share, scaled_cap * share * (1 - share)
    trend = a["k"][:, None] * t + a["m"][:, None]
    for point, delta in zip(a["points"].T, a["delta"].T, strict=True):
        trend = trend + delta[:, None] * np.maximum(t - point[:, None], 0)
    return trend, one


def _logistic_exponent(a: Mapping[str, Array], t: Floats) -> Floats:
    """``k(t)·(t − m(t))`` with the offsets that keep it continuous (Taylor and Letham 2018, equation 2)."""
    k, m = a["k"][:, None], a["m"][:, None]
    rate, offset = k * np.ones_like(t), m * np.ones_like(t)
    base, shift = a["k"].copy(), a["m"].copy()
    for point, delta in zip(a["points"].T, a["delta"].T, strict=True):
        used = np.isfinite(point)
        after = base + delta
        with np.errstate(divide="ignore", invalid="ignore"):
            gamma = np.where(used & (delta != 0), (point - shift) * (1 - base / after), 0.0)
        later = t >= point[:, None]
        rate = np.where(later, rate + delta[:, None], rate)
        offset = np.where(later, offset + gamma[:, None], offset)
        base, shift = after, shift + gamma
    return rate * (t - offset)


def _half(a: Mapping[str, Array], design: Design, t: Floats, slope: Floats) -> Floats:
    """Half width in scaled units: noise, and the slope changes that may come between the fit's end and ``t``."""
    table = band_table(design.options.interval_width)
    sigma = a["sigma"][:, None]
    ahead = np.maximum(t - 1, 0)
    used = np.isfinite(a["points"])
    mean_change = np.abs(a["delta"]).sum(axis=1) / np.maximum(1, used.sum(axis=1)) + _EPSILON
    reach = mean_change[:, None] * ahead * np.abs(slope) / np.maximum(sigma, 1e-12)
    return np.asarray(table.half_width(a["rate"][:, None] * ahead, reach) * sigma)
