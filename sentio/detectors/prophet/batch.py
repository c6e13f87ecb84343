"""Fits a whole panel at once: what a worker process runs, where `stan` fits one series at a time.

Series of one panel share their times, and so the columns that Prophet would make for each of them; what is left for
each is small algebra (`kernels`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from sentio.detectors.prophet import stan
from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.kernels import fit_series, products, survey
from sentio.detectors.prophet.model import LEAST_OF_RANGE, blank, constant
from sentio.detectors.prophet.options import BUILT_IN, ProphetOptions
from sentio.detectors.prophet.panel import Fits, Grid, Prior, Survey
from sentio.state import SeriesStatus
from sentio.types import SECOND, Array, Bools, Floats, Ints

_DAY = 86_400 * SECOND
_PRECISION_OF_TREND = 1 / 25
"""Of k and m: Prophet's N(0, 5)."""
_AUTO = {"yearly": (730, np.inf), "weekly": (14, 7), "daily": (2, 1)}
"""Prophet's rule for a seasonality (`set_auto_seasonalities`): so many days of history, samples nearer than so many."""
_NOT_FINITE = "its fit is not finite; values within what a double can square are expected"


def fit_rows(options: ProphetOptions, times: Ints, values: Floats) -> dict[str, Array]:
    """The arrays of `sentio.detectors.prophet.model` for ``values [c, n]`` at ``times [n]`` (UTC ns).

    A series whose maximum is not found is left to Prophet itself. One that cannot be fitted gets the status FAILED and
    the reason as its detail.
    """
    design = Design(options)
    arrays = blank(len(values), design)
    found = _survey(values)
    arrays["samples"][:] = found.samples
    arrays["first_at"][:] = times[np.where(found.samples > 0, found.first, -1)]
    arrays["fitted_at"][:] = times[-1]
    enough = found.samples >= options.min_samples
    for i in np.flatnonzero(enough & (found.low == found.high)).tolist():
        arrays["status"][i] = SeriesStatus.CONSTANT
        for name, value in constant(float(found.low[i])).items():
            arrays[name][i] = value
    varying = enough & (found.low < found.high)
    if varying.any():
        arrays["least"][varying] = LEAST_OF_RANGE * (found.high - found.low)[varying]
        _fit(design, design.wall_clock(times), values, found, varying, arrays)
        _settle(options, times, values, varying, arrays)
    return arrays


def warm() -> None:
    """Have each kernel compiled, or read from where it was kept: with and without gaps, and new among old."""
    values = np.sin(np.arange(600.0)).reshape(3, 200)
    values[1, 50:60] = np.nan
    values[2, :150] = np.nan
    fit_rows(ProphetOptions(), 60 * SECOND * np.arange(200, dtype=np.int64), values)


def _survey(values: Floats) -> Survey:
    series = len(values)
    counts, edges = np.zeros((3, series), np.int64), np.zeros((2, series))
    found = Survey(counts[0], counts[1], counts[2], edges[0], edges[1], np.zeros(series, bool))
    survey(values, found)
    return found


def _fit(design: Design, wall: Ints, values: Floats, found: Survey, varying: Bools, arrays: dict[str, Array]) -> None:
    """Fit the rows that are ``varying``; the status of each is READY where its maximum was found."""
    if (np.diff(wall) < 0).any():
        # A clock that was put back: Prophet sorts by the wall clock's time.
        order = np.argsort(wall, kind="stable")
        wall, values = wall[order], np.ascontiguousarray(values[:, order])
        found = _survey(values)
    for columns, wanted in _by_seasons(design, wall, values, found, varying):
        grid, picked = _grid(design.options, wall.tobytes(), columns.tobytes())
        prior = _prior(design, picked)
        fits = _empty(len(values), len(picked), prior)
        fit_series(values, found, wanted, grid, prior, fits)
        arrays["start"][wanted] = wall[found.first[wanted]]
        arrays["span"][wanted] = wall[found.last[wanted]] - wall[found.first[wanted]]
        _take(fits, picked, wanted, prior.flat, arrays)


def _by_seasons(
    design: Design, wall: Ints, values: Floats, found: Survey, varying: Bools
) -> Iterator[tuple[Bools, Bools]]:
    """Columns ``[K]``, and the series ``[S]`` that have just these: a built-in season that is ``auto`` needs a history
    that is long and fine enough, which differs between a panel's series."""
    span = wall[found.last] - wall[found.first]
    nearest = _nearest(wall, values, found, varying)
    always = np.ones(design.width, bool)
    slots, choices = [], []
    for name in BUILT_IN:
        if getattr(design.options, f"{name}_seasonality") == "auto":
            long, fine = _AUTO[name]
            slots.append(design.slots[name])
            choices.append((span >= long * _DAY) & (nearest < fine * _DAY))
    for slot in slots:
        always[slot] = False
    kinds = np.array(choices, bool).reshape(len(choices), len(values)).T
    for kind in np.unique(kinds[varying], axis=0):
        columns = always.copy()
        for slot, has in zip(slots, kind.tolist(), strict=True):
            columns[slot] = has
        yield columns, varying & (kinds == kind).all(axis=1)


def _nearest(wall: Ints, values: Floats, found: Survey, varying: Bools) -> Ints:
    """``[S]``: the shortest time between two samples of a series."""
    nearest = np.full(len(values), np.iinfo(np.int64).max)
    steps = np.diff(wall)
    if (steps == steps[0]).all():
        nearest[found.paired] = steps[0]
        varying = varying & ~found.paired
    for i in np.flatnonzero(varying).tolist():
        apart = np.diff(wall[np.isfinite(values[i])])
        nearest[i] = apart[apart > 0].min(initial=nearest[i])
    return nearest


def _prior(design: Design, picked: Ints) -> Prior:
    o = design.options
    precision = np.concatenate([[_PRECISION_OF_TREND], 1 / design.prior_scale[picked] ** 2, [_PRECISION_OF_TREND]])
    return Prior(precision, o.changepoint_prior_scale, o.n_changepoints, o.changepoint_range, o.growth == "flat")


@lru_cache(maxsize=4)
def _grid(options: ProphetOptions, times: bytes, columns: bytes) -> tuple[Grid, Ints]:
    """What the series have in common, and which of the design's columns it holds: of those given, the ones that are
    not 0 throughout, for a holiday that does not occur has the coefficient 0. Kept for the next chunk of the panel."""
    wall = np.frombuffer(times, np.int64)
    features = np.ascontiguousarray(Design(options).matrix(wall).T)
    picked = np.flatnonzero(np.frombuffer(columns, bool) & features.any(axis=1))
    features = features[picked]
    t = (wall - wall[0]) / (wall[-1] - wall[0])
    parts = np.concatenate([[np.ones_like(t), t, t**2], features, t * features])
    sums = np.zeros((len(t) + 1, len(parts)))
    np.cumsum(parts, axis=1, out=sums[1:].T)
    return Grid(t, features, sums, products(features)), picked


def _empty(series: int, features: int, prior: Prior) -> Fits:
    most = max(1, prior.changepoints)
    return Fits(
        scale=np.ones(series),
        points=np.full((series, most), np.inf),
        changepoints=np.zeros(series, np.int64),
        theta=np.zeros((series, features + 2 + most)),
        variance=np.zeros(series),
        fine=np.zeros(series, bool),
    )


def _take(fits: Fits, picked: Ints, wanted: Bools, flat: bool, arrays: dict[str, Array]) -> None:
    """What was found for the series ``wanted``, into the arrays of the state."""
    at = np.flatnonzero(wanted)
    theta, trend = fits.theta[at], 1 + len(picked)
    arrays["scale"][at] = fits.scale[at]
    arrays["sigma"][at] = np.sqrt(fits.variance[at])
    arrays["m"][at] = theta[:, 0]
    arrays["beta"][np.ix_(at, picked)] = theta[:, 1:trend]
    arrays["rate"][at] = np.maximum(1, fits.changepoints[at])
    if not flat:
        points, delta = fits.points[at], theta[:, trend + 1 :]
        # Where there are no changepoints, Prophet has one at 0, and adds its change to the slope.
        none = fits.changepoints[at] == 0
        arrays["k"][at] = theta[:, trend] + np.where(none, delta[:, 0], 0)
        points[none], delta[none] = np.inf, 0
        arrays["points"][at], arrays["delta"][at] = points, delta
    arrays["status"][at] = np.where(fits.fine[at], SeriesStatus.READY, SeriesStatus.LEARNING)


def _settle(options: ProphetOptions, times: Ints, values: Floats, varying: Bools, arrays: dict[str, Array]) -> None:
    """What to do with the series that have no model, though they could."""
    details = np.full(len(values), "", dtype="U200")
    numbers = np.column_stack([arrays[name] for name in ("scale", "k", "m", "sigma", "least")])
    sound = np.isfinite(numbers).all(axis=1) & np.isfinite(arrays["beta"]).all(axis=1)
    left = np.flatnonzero(varying & (arrays["status"] != SeriesStatus.READY) & sound)
    if len(left):
        for name, array in stan.fit_rows(options, times, values[left]).items():
            if name == "detail":
                details[left] = array
            else:
                arrays[name][left] = array
    failed = varying & ~sound
    arrays["status"][failed] = SeriesStatus.FAILED
    details[failed] = _NOT_FINITE
    arrays["detail"] = details.astype(np.str_) if (details != "").any() else np.full(len(values), "", "U1")
