"""What is remembered of each series between its samples: the errors of its forecast, and how strange is usual."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sentio.judgement.runs import NEVER
from sentio.types import Array, Floats, Ints

BINS = 48
"""Parts of a day of which the errors are told apart."""
LAGS = 5
"""Features that the next error is predicted from."""
QUANTILES = (0.5, 0.9, 0.98)
"""Of the strangeness, as they are followed."""

Singles = npt.NDArray[np.float32]


class Track(NamedTuple):
    """Of ``S`` series. Errors are in units: the sample less what the model expected of it."""

    step: Ints
    """``[S]`` ns between the samples that were seen; 0 before the first."""
    at: Ints
    """``[S]`` ns of the newest sample; `NEVER` before the first."""
    seen: Floats
    """``[S]`` samples so far."""
    expected: Floats
    """``[S]`` units: what the model expected at ``at``; another model expects something else of the same time."""
    errors: Floats
    """``[S, 3]`` the last three errors, the newest first."""
    hour: Floats
    """``[S]`` mean error of the last hour."""
    level: Floats
    """``[S]`` the error that lasts: what the model is off by."""
    near: Floats
    """``[S, 2]`` mean size of the error after the near-term correction: of a day, of a week."""
    far: Floats
    """``[S, 2]`` the same of the error after the level alone."""
    weights: Floats
    """``[S, LAGS]`` of the near-term correction."""
    precision: Floats
    """``[S, LAGS, LAGS]`` and how well they are known."""
    profile: Singles
    """``[S, BINS]`` the error that recurs at this time of day."""
    near_of_day: Singles
    """``[S, BINS]`` size of the error after the near-term correction at this time of day, over that of the week."""
    far_of_day: Singles
    """``[S, BINS]`` the same of the error after the level alone."""
    days: Singles
    """``[S, BINS]`` samples seen at this time of day."""
    yesterday: Singles
    """``[S, BINS]`` mean value at this time of the last day; NaN where there was none."""
    today: Singles
    """``[S, 2]`` sum and number of the values in the part of the day that is under way."""
    part: npt.NDArray[np.int64]
    """``[S]`` which part that is, counted from the epoch."""
    smooth: Floats
    """``[S]`` mean deviation of the last few samples, in scales."""
    shifted: Floats
    """``[S, 2]`` ns for which the deviation has been on one side and large, and its mean, signed."""
    quantiles: Floats
    """``[S, 3]`` `QUANTILES` of the strangeness."""
    spread: Floats
    """``[S]`` mean distance of the strangeness from its median."""
    since: npt.NDArray[np.int64]
    """``[S]`` samples since the strangeness was last above its highest quantile."""
    cluster: Floats
    """``[S]`` the largest excess above it of the cluster under way; below 0 where there is none."""
    clusters: Floats
    """``[S, 4]`` clusters, the sums of their excesses and of the squares of those, and the days in which they came;
    older ones with less weight."""
    quiet: npt.NDArray[np.int64]
    """``[S]`` samples since the last flag."""
    tuned: Floats
    """``[S]`` decades by which the rate of flags is put higher than the tail says."""
    edges: Floats
    """``[S, 2]`` logarithms of the lower and upper distances of the band from the forecast, in scales."""
    beyond: npt.NDArray[np.int64]
    """``[S]`` samples in a row outside the band."""
    reach: Floats
    """``[S]`` logarithm of what the model's own band is to be widened by."""
    rolling: Floats
    """``[S, 4]`` of about a day: share inside the band, mean error of the forecast, mean size of the model's error and
    of seasonal naive's."""
    naive: Floats
    """``[S, 2]`` ns for which the other one was better, and 1 where seasonal naive stands in for the model."""


def blank(series: int) -> dict[str, Array]:
    """The memory of ``series`` of which nothing is known, by name; the first axis is the series."""

    def zeros(*shape: int, kind: type[np.generic] = np.float64) -> Array:
        return np.zeros((series, *shape), kind)

    weights = zeros(LAGS)
    weights[:, 3:] = 0.1
    precision = zeros(LAGS, LAGS)
    precision[:] = np.eye(LAGS)
    edges = zeros(2)
    edges[:] = np.log(2.8)
    return Track(
        step=zeros(kind=np.int64),
        at=np.full(series, NEVER),
        seen=zeros(),
        expected=zeros(),
        errors=zeros(3),
        hour=zeros(),
        level=zeros(),
        near=zeros(2),
        far=zeros(2),
        weights=weights,
        precision=precision,
        profile=zeros(BINS, kind=np.float32),
        near_of_day=zeros(BINS, kind=np.float32),
        far_of_day=zeros(BINS, kind=np.float32),
        days=zeros(BINS, kind=np.float32),
        yesterday=np.full((series, BINS), np.nan, np.float32),
        today=zeros(2, kind=np.float32),
        part=zeros(kind=np.int64),
        smooth=zeros(),
        shifted=zeros(2),
        quantiles=zeros(3),
        spread=zeros(),
        since=np.full(series, 1 << 40),
        cluster=np.full(series, -1.0),
        clusters=zeros(4),
        quiet=np.full(series, 1 << 40),
        tuned=zeros(),
        edges=edges,
        beyond=zeros(kind=np.int64),
        reach=zeros(),
        rolling=zeros(4),
        naive=zeros(2),
    )._asdict()
