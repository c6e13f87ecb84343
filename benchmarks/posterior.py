"""Prophet's log posterior at given parameters, straight from the samples: the judge between two fits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.options import ProphetOptions
from sentio.types import Array, Floats, Ints


def log_posterior(options: ProphetOptions, times: Ints, values: Floats, arrays: Mapping[str, Array]) -> Floats:
    """``[S]`` for ``values [S, n]`` at ``times [n]``, linear or flat growth, additive seasons; constants left out.

    As prophet.stan has it: y ~ N(trend + Xβ, σ²), k and m ~ N(0, 5), δ ~ Laplace(0, τ), β ~ N(0, s), σ ~ N(0, 0.5).
    """
    design = Design(options)
    wall = design.wall_clock(times)
    features = design.matrix(wall)
    out = np.empty(len(values))
    for i, y in enumerate(values):
        have = np.isfinite(y)
        a = {name: array[i] for name, array in arrays.items()}
        t = (wall[have] - a["start"]) / a["span"]
        trend = a["m"] + (0 if options.growth == "flat" else a["k"] * t)
        for point, delta in zip(a["points"], a["delta"], strict=True):
            trend = trend + delta * np.maximum(t - point, 0)
        residual = y[have] / a["scale"] - trend - features[have] @ a["beta"]
        out[i] = (
            -have.sum() * np.log(a["sigma"])
            - residual @ residual / (2 * a["sigma"] ** 2)
            - (a["k"] ** 2 + a["m"] ** 2) / 50
            - (a["beta"] ** 2 / (2 * design.prior_scale**2)).sum()
            - np.abs(a["delta"]).sum() / options.changepoint_prior_scale
            - 2 * a["sigma"] ** 2
        )
    return out
