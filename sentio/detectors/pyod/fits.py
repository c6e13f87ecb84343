"""Windows → models, one series at a time: what a worker process runs; and models → scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sentio.detectors.pyod.features import features
from sentio.detectors.pyod.models import fitted
from sentio.detectors.pyod.options import PyodOptions
from sentio.errors import SeriesError
from sentio.types import Floats, Ints

Models = tuple[Any, ...]
"""The fitted models of one series, in the order of the options."""
Window = tuple[Ints, Floats]
"""Times and values of the samples that one series is learned from."""


def fit_windows(options: PyodOptions, windows: Sequence[Window]) -> list[Models | str]:
    """For each of ``windows`` its models, or why there are none."""
    return [_fit_window(options, times, values) for times, values in windows]


def _fit_window(options: PyodOptions, times: Ints, values: Floats) -> Models | str:
    _, rows = features(times, values, options.preprocess)
    if len(rows) < 2:
        return f"{len(values)} samples make {len(rows)} rows of features; more samples or fewer lags are expected"
    if (rows == rows[0]).all():
        return "its features never change; values that do are expected"
    try:
        return tuple(fitted(m.name, m.params, options.seed, rows) for m in options.models)
    except SeriesError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 # models raise what they like; whatever it is, it is this series' alone
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        return f"PyOD cannot fit it ({text}); other options or data are expected"


def judged(models: Models, options: PyodOptions, rows: Floats) -> Floats:
    """``[r]``: the score of each of ``rows``, from 0 to 1; NaN where a model has none.

    Row by row, because some models, ECOD among them, judge a row by those that are asked about with it, and linear
    algebra rounds one row unlike many.
    """
    with np.errstate(all="ignore"):
        return np.array([_judged(models, options.combine, row[None]) for row in rows], np.float64)


def _judged(models: Models, combine: str, row: Floats) -> float:
    try:
        each = [float(model.predict_proba(row)[0, 1]) for model in models]
    except Exception:  # noqa: BLE001 # a model that cannot judge this one sample has nothing to say of it
        return np.nan
    if not np.isfinite(each).all():
        return np.nan
    return {"mean": sum(each) / len(each), "max": max(each), "min": min(each)}[combine]
