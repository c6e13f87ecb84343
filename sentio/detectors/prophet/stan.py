"""Fits with the prophet package, one series at a time: what a worker process runs."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import LEAST_OF_RANGE, blank, constant
from sentio.detectors.prophet.options import ProphetOptions, Regressor
from sentio.errors import SeriesError
from sentio.state import SeriesStatus
from sentio.types import Array, Floats, Ints

_SEASON = "season_"
"""Before the name of a seasonality of one's own: Prophet keeps some names, such as ``trend``, for itself."""


def fit_rows(options: ProphetOptions, times: Ints, values: Floats) -> dict[str, Array]:
    """The arrays of `sentio.detectors.prophet.model` for ``values [c, n]`` at ``times [n]`` (UTC ns).

    A series that cannot be fitted gets the status FAILED and the reason as its detail.
    """
    design = Design(options)
    wall = design.wall_clock(times)
    arrays = blank(len(values), design)
    details = [""] * len(values)
    for i, y in enumerate(values):
        have = np.flatnonzero(np.isfinite(y))
        arrays["samples"][i] = len(have)
        arrays["first_at"][i] = times[have[0]] if len(have) else times[-1]
        if len(have) < options.min_samples:
            continue
        row = {name: a[i] for name, a in arrays.items() if a.ndim > 1}
        try:
            one, status = _fit(design, wall[have], y[have], row)
        except SeriesError as error:
            one, status = {}, SeriesStatus.FAILED
            details[i] = str(error)
        except Exception as error:  # noqa: BLE001 # prophet raises bare Exceptions; whatever it is, it is this series' alone
            one, status = {}, SeriesStatus.FAILED
            text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            details[i] = f"prophet cannot fit it ({text}); other options or data are expected"
        arrays["status"][i] = status
        for name, value in one.items():
            arrays[name][i] = value
    arrays["fitted_at"][:] = times[-1] if len(times) else 0
    arrays["detail"] = np.array(details, dtype=np.str_)
    return arrays


def _fit(design: Design, wall: Ints, y: Floats, row: dict[str, Array]) -> tuple[dict[str, Any], SeriesStatus]:
    """Scalars of one series by name, and its status; ``row`` takes the arrays. Raises `SeriesError`."""
    low, high = float(y.min()), float(y.max())
    if low == high:
        return constant(low), SeriesStatus.CONSTANT
    model = _prophet(design.options)
    import pandas as pd

    frame = pd.DataFrame({"ds": pd.DatetimeIndex(wall), "y": y})
    if design.options.growth == "logistic":
        frame["cap"], frame["floor"] = design.options.cap, design.options.floor
    for one in design.options.regressors:
        frame[_column(one)] = one.weekly.within(wall).astype(float)
    with tempfile.TemporaryDirectory() as folder:
        model.fit(frame, seed=design.options.seed, output_dir=folder)
    p = model.params
    points = np.sort(np.asarray(model.changepoints_t, float)) if len(model.changepoints) else np.empty(0)
    row["points"][: len(points)] = points
    row["delta"][: len(points)] = np.ravel(p["delta"])[: len(points)]
    _coefficients(model, design, np.ravel(p["beta"]), row["beta"])
    scalars = {
        "start": model.start.value if model.start.unit == "ns" else model.start.as_unit("ns").value,
        "span": model.t_scale.as_unit("ns").value,
        "scale": float(model.y_scale),
        "floor": design.options.floor if design.options.growth == "logistic" else 0.0,
        "k": float(np.ravel(p["k"])[0]),
        "m": float(np.ravel(p["m"])[0]),
        "sigma": float(np.ravel(p["sigma_obs"])[0]),
        "rate": float(len(model.changepoints_t)),
        "least": LEAST_OF_RANGE * (high - low),
    }
    if not np.isfinite(list(scalars.values())).all():
        raise SeriesError("prophet's fit is not finite; values within what a double can square are expected")
    return scalars, SeriesStatus.READY


def _prophet(o: ProphetOptions) -> Any:
    # Here, not above: it takes a second.
    from sentio.detectors.prophet.quiet import Prophet

    model = Prophet(
        growth=o.growth,
        n_changepoints=o.n_changepoints,
        changepoint_range=o.changepoint_range,
        yearly_seasonality=o.yearly_seasonality,
        weekly_seasonality=o.weekly_seasonality,
        daily_seasonality=o.daily_seasonality,
        seasonality_mode=o.seasonality_mode,
        seasonality_prior_scale=o.seasonality_prior_scale,
        holidays_prior_scale=o.holidays_prior_scale,
        changepoint_prior_scale=o.changepoint_prior_scale,
        uncertainty_samples=0,
    )
    for s in o.seasonalities:
        model.add_seasonality(_SEASON + s.name, s.period, s.fourier_order, s.prior_scale, s.mode)
    if o.holidays:
        model.add_country_holidays(o.holidays.country)
    for one in o.regressors:
        model.add_regressor(_column(one), one.prior_scale, standardize=False)
    return model


def _column(regressor: Regressor) -> str:
    """Its name in Prophet's frame, where some names have a meaning of their own."""
    return f"regressor_{regressor.name}"


def _coefficients(model: Any, design: Design, beta: Floats, into: Floats) -> None:
    """Prophet's coefficients, in the order of its columns, into the design's slots."""
    at = 0
    for name, seasonality in model.seasonalities.items():
        width = 2 * seasonality["fourier_order"]
        into[design.slots[name.removeprefix(_SEASON)]] = beta[at : at + width]
        at += width
    names = [] if model.train_holiday_names is None else model.train_holiday_names.tolist()
    for name in sorted(names, key=lambda n: f"{n}_delim_+0"):
        into[design.slots[f"holiday {name}"]] = beta[at]
        at += 1
    for one in design.options.regressors:
        into[design.slots[f"regressor {one.name}"]] = beta[at]
        at += 1
    if at and at != len(beta):
        raise SeriesError(f"prophet gave {len(beta)} coefficients; {at} are expected")
