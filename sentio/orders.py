"""The order of an autoregression, by Akaike's information criterion: for many series at once.

For each order k the Yule-Walker equations of the samples from the k-th on are solved by Levinson and Durbin's
recursion; what the model leaves unexplained, and 2 (k + 1) for its size, is the criterion. The first minimum wins.
So does takuti's Datadog Anomaly Detector choose k.
"""

from __future__ import annotations

import numpy as np

from sentio.types import Bools, Floats, Ints

_AT_ONCE = 4_000_000
"""Samples in a block of series."""
_LEAST_VARIANCE = 1e-100
"""What is taken for a variance of 2π σ that is less: a series that follows exactly from its past."""


def by_aic(values: Floats, most: int) -> tuple[Ints, Floats]:
    """The best of the orders 1 to ``most`` and its AIC, each ``[S]``, for the samples ``values [S, n]``.

    NaN is no sample: what is left moves together. A series of n samples has an order below n; of less than two samples
    it is 1, with an AIC of infinity.
    """
    rows = max(1, _AT_ONCE // max(1, values.shape[1]))
    orders, criteria = np.ones(len(values), np.int64), np.full(len(values), np.inf)
    for first in range(0, len(values), rows):
        block = slice(first, first + rows)
        with np.errstate(all="ignore"):
            orders[block], criteria[block] = _block(values[block], most)
    return orders, criteria


def _block(values: Floats, most: int) -> tuple[Ints, Floats]:
    samples, counts = _together(values)
    best, least = np.ones(len(values), np.int64), np.full(len(values), np.inf)
    if not counts.any():
        return best, least
    most = min(most, int(counts.max()) - 1)
    sums = _Sums(samples, counts, most)
    for order in range(1, most + 1):
        c = sums.covariances(order)
        spread = np.maximum(2 * np.pi * unexplained(c), _LEAST_VARIANCE)
        criterion = counts * (np.log(spread) + 1) + 2 * (order + 1)
        better: Bools = (criterion < least) & (counts > order)
        best[better], least[better] = order, criterion[better]
    return best, least


def _together(values: Floats) -> tuple[Floats, Ints]:
    """The samples of each series about their mean, one after another and zeros behind them; and how many they are."""
    there = np.isfinite(values)
    counts = there.sum(axis=1)
    samples = np.where(there, values, 0.0)
    center = samples.sum(axis=1) / np.maximum(counts, 1)
    samples = np.where(there, samples - center[:, None], 0.0)
    if not there.all():
        samples = np.take_along_axis(samples, np.argsort(~there, axis=1, kind="stable"), axis=1)
    return samples, counts


class _Sums:
    """What the covariances of every order are made of: each is a sum over all samples less one over the first few."""

    def __init__(self, samples: Floats, counts: Ints, most: int) -> None:
        series, length = samples.shape
        self._counts = counts
        self._head = np.zeros((series, most + 1))
        self._head[:, 1:] = np.cumsum(samples[:, :most], axis=1)
        at = counts[:, None] - 1 - np.arange(most)
        last = np.where(at >= 0, np.take_along_axis(samples, np.maximum(at, 0), axis=1), 0.0)
        self._tail = np.zeros((series, most + 1))
        self._tail[:, 1:] = np.cumsum(last, axis=1)
        self._all = samples.sum(axis=1)
        self._products = np.empty((most + 1, series))
        self._first = np.zeros((most + 1, series, most + 1))
        for lag in range(most + 1):
            self._products[lag] = np.einsum("si,si->s", samples[:, lag:], samples[:, : length - lag])
            early = samples[:, lag:most] * samples[:, : most - lag]
            self._first[lag][:, lag + 1 :] = np.cumsum(early, axis=1)

    def covariances(self, order: int) -> Floats:
        """``[order + 1, S]``: of the samples from the ``order``-th on with those 0 to ``order`` before them, about the
        mean of the former."""
        number = np.maximum(self._counts - order, 1)
        own = self._all - self._head[:, order]
        mean = own / number
        found = np.empty((order + 1, len(mean)))
        for lag in range(order + 1):
            product = self._products[lag] - self._first[lag][:, order]
            before = self._all - self._head[:, order - lag] - self._tail[:, lag]
            found[lag] = (product - mean * (own + before)) / number + mean * mean
        return found


def unexplained(c: Floats) -> Floats:
    """The variance ``[S]`` that the autoregression leaves of series with the autocovariances ``c [k + 1, S]``."""
    a = coefficients(c)
    return np.asarray(c[0] - np.einsum("ks,ks->s", a, c[1:]))


def coefficients(c: Floats) -> Floats:
    """The autoregression ``[k, S]`` of series with the autocovariances ``c [k + 1, S]``, by Levinson and Durbin: the
    weight of the sample before first. Zeros from where nothing is left to explain."""
    a = np.zeros((len(c) - 1, c.shape[1]))
    rest = c[0].copy()
    for t in range(len(a)):
        g = c[t + 1] - np.einsum("ks,ks->s", a[:t], c[t:0:-1])
        g = np.where(rest == 0, 0.0, g / rest)
        a[:t] -= g * a[:t][::-1]
        a[t] = g
        rest *= 1 - g * g
    return a
