"""What is remembered of each series between its samples: the errors of its forecast, and how strange is usual."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from sentio.compiled import record
from sentio.judgement.evidence import NEVER
from sentio.types import Array, Floats, Ints

BINS = 24
"""Parts of a day of which the errors are told apart."""
HOURS = 24
"""Of a day, for which habits are kept."""
LAGS = 4
"""Features that the next error is predicted from."""
RING = 300
"""Samples in which one like the newest is looked for: a day of five minutes."""
CLASSES = 48
"""Of strangeness, each an eighth wide."""
QUANTILES = (0.5, 0.9, 0.98)
"""Of the strangeness, as they are followed."""
MOST_DAYS = 65_535
"""Counted samples of a part of the day."""
PROBATION = 0.07
"""Strangeness by which the flags of a series of which nothing is known stand further away."""

Singles = npt.NDArray[np.float32]


class Track(Protocol):
    """Of ``S`` series: an array of `RECORD`, of which each field is an array, as kernels read it. Errors are in units:
    the sample less what the model expected of it."""

    step: Ints
    """``[S]`` ns between the samples that were seen; 0 before the first."""
    at: Ints
    """``[S]`` ns of the newest sample; `NEVER` before the first."""
    seen: Floats
    """``[S]`` samples so far, or since all was learned anew."""
    age: Floats
    """``[S]`` ns for which the series has been seen."""
    expected: Floats
    """``[S]`` units: what the model expected at ``at``; another model expects something else of the same time."""
    errors: Floats
    """``[S, 3]`` the last three errors, the newest first."""
    hour: Floats
    """``[S]`` mean error of the last hour."""
    spacing: Singles
    """``[S]`` steps from one sample to the next that nine in ten do not exceed."""
    since: npt.NDArray[np.uint8]
    """``[S]`` samples since the last gap, as far as it matters."""
    missing: Singles
    """``[S]`` variance of the last error in that gap, in that of one step ahead."""
    level: Floats
    """``[S]`` the error that lasts: what the model is off by."""
    near: Floats
    """``[S]`` mean size of the error after the near-term correction, of about a week."""
    far: Floats
    """``[S]`` the same of the error after the level alone."""
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
    days: npt.NDArray[np.uint16]
    """``[S, BINS]`` samples seen at this time of day, up to `MOST_DAYS`."""
    yesterday: Singles
    """``[S, BINS]`` mean value at this time of the last day; NaN where there was none."""
    replaced: Singles
    """``[S]`` what ``yesterday`` had at the part of the day before the one that is under way."""
    today: Singles
    """``[S, 2]`` sum and number of the values in the part of the day that is under way."""
    part: npt.NDArray[np.int32]
    """``[S]`` which part that is, counted from the epoch."""
    ring: Singles
    """``[S, RING]`` the newest samples, less ``origin``."""
    origin: Floats
    """``[S]`` units."""
    novelty: Floats
    """``[S, 2]`` mean distance of the newest few samples from the most like them before, and of how many."""
    shifted: Floats
    """``[S, 2]`` ns for which the deviation has been on one side and large, and its mean, signed."""
    former: Floats
    """``[S]`` units: the ``level`` of what was normal before the last shift."""
    held: Floats
    """``[S, 2]`` ns for which what is normal now has been seen; and for which that was."""
    moving: npt.NDArray[np.int32]
    """``[S]`` samples in a row that moved as only what had stood still can."""
    quantiles: Floats
    """``[S, 3]`` `QUANTILES` of the strangeness."""
    spread: Floats
    """``[S]`` mean distance of the strangeness from its median."""
    tail: Floats
    """``[S]`` by how much samples beyond the highest of them exceed it on average."""
    hour_of: npt.NDArray[np.int32]
    """``[S]`` the hour that is under way, counted from the epoch; -1 before the first."""
    peak: Floats
    """``[S, 2]`` the strangeness that it has reached above and below what was expected."""
    peaks: Singles
    """``[S, 2, CLASSES]`` hours by what they have reached; older ones with less weight."""
    habit: npt.NDArray[np.uint8]
    """``[S, HOURS]`` 64ths: the strangeness that what lasts has reached at this hour of the days before."""
    habit_size: Singles
    """``[S, HOURS]`` units: and how far off it was."""
    reached: Singles
    """``[S, 3, 3]`` the strangeness that this hour and the two before have reached, 1 where something lasted, and by
    how many units they were off."""
    lasting: npt.NDArray[np.int32]
    """``[S]`` samples in a row that were far off to one side; negative: below."""
    watched: Floats
    """``[S]`` days in which they were, with the same weights."""
    usual: Floats
    """``[S, 2]`` the strangeness that a few hours a day reach, above and below."""
    excess: Floats
    """``[S, 2]`` by how much they exceed it on average."""
    quiet: npt.NDArray[np.int64]
    """``[S]`` samples since the last flag."""
    due: Floats
    """``[S]`` strangeness by which the next flag stands further away, for those that were raised."""
    brief: Singles
    """``[S, 2]`` of an old series, strangeness by which the next brief flag above and below stands further away, for
    those that were told of;"""
    owed: Singles
    """``[S, 2]`` what the newest one will put into it, if it does not last;"""
    price: Singles
    """``[S]`` and what one of the newest episode costs."""
    flagged: npt.NDArray[np.int64]
    """``[S]`` ns: when the last flag was, told of or not;"""
    spate: Singles
    """``[S]`` days from the first one of its episode to it;"""
    calm: Singles
    """``[S, 2]`` and from the last one above and below to it."""
    cost: Floats
    """``[S]`` what the episode that was flagged last has put into it."""
    edges: Floats
    """``[S, 2]`` logarithms of the lower and upper distances of the band from the forecast, in scales."""
    beyond: npt.NDArray[np.int32]
    """``[S]`` samples in a row outside the band."""
    reach: Floats
    """``[S]`` logarithm of what the model's own band is to be widened by."""
    rolling: Floats
    """``[S, 5]`` of about a day: share inside the band and mean error of the forecast; and mean size of the errors of
    the model, of seasonal naive, and of the model with the near-term correction."""
    naive: Singles
    """``[S, 2, 2]`` ns for which the other one was better, and 1 where seasonal naive is: than the model with the
    near-term correction, and than the model."""


RECORD = record(
    Track,
    errors=(3,),
    weights=(LAGS,),
    precision=(LAGS, LAGS),
    profile=(BINS,),
    near_of_day=(BINS,),
    far_of_day=(BINS,),
    days=(BINS,),
    yesterday=(BINS,),
    today=(2,),
    ring=(RING,),
    novelty=(2,),
    shifted=(2,),
    held=(2,),
    quantiles=(3,),
    peak=(2,),
    peaks=(2, CLASSES),
    habit=(HOURS,),
    habit_size=(HOURS,),
    reached=(3, 3),
    usual=(2,),
    excess=(2,),
    brief=(2,),
    owed=(2,),
    calm=(2,),
    edges=(2,),
    rolling=(5,),
    naive=(2, 2),
)
"""What `Track` holds of one series."""


def blank(series: int) -> Array:
    """The `Track` of ``series`` of which nothing is known."""
    track = np.zeros(series, RECORD)
    track["at"] = NEVER
    track["spacing"] = 1
    track["since"] = 255
    track["weights"][:, 3] = 0.2
    track["precision"] = np.eye(LAGS)
    track["yesterday"] = np.nan
    track["replaced"] = np.nan
    track["hour_of"] = -1
    track["peak"] = -9
    track["quiet"] = 1 << 40
    track["due"] = PROBATION
    track["edges"] = np.log(2.8)
    return track
