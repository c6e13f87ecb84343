"""What is remembered of each series' runs: of equal values, of far ones, of gaps; and what they are evidence of."""

from __future__ import annotations

from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from sentio.compiled import record
from sentio.types import Array, Floats, Ints

NEVER = np.iinfo(np.int64).min
"""The time of what has not been yet."""
_BINS, _FAR_BINS = 13, 7
"""Of run lengths: 1, 2, 3–4, 5–8, … and above 2048; of values far off, above 32."""


class Runs(Protocol):
    """What is remembered of ``S`` series: an array of `RECORD`, of which each field is an array, as kernels read it."""

    seen: Ints
    """``[S]`` ns of the newest step, whether or not a sample arrived; `NEVER` before the first."""
    last: Floats
    """``[S]`` newest value, NaN before the first."""
    equal: npt.NDArray[np.int32]
    """``[S]`` samples up to the newest that were equal to it."""
    equal_from: Ints
    """``[S]`` ns of the first of them."""
    gap: npt.NDArray[np.int32]
    """``[S]`` steps without a sample since the newest."""
    gap_from: Ints
    """``[S]`` ns of the first of them."""
    equal_lengths: npt.NDArray[np.float32]
    """``[S, bins, 2]``: how many runs have ended, and their lengths together."""
    gap_lengths: npt.NDArray[np.float32]
    """The same of steps from a sample to the next."""
    far: npt.NDArray[np.int32]
    """``[S]`` samples up to the newest that were far off to one side; negative: below."""
    far_lengths: npt.NDArray[np.float32]
    """``[S, far bins, 2]``: the same of samples from one that is not far off to the next, far ones between them."""
    equal_longest: npt.NDArray[np.float32]
    """``[S, 2]``: the longest run that has ended, and the second longest."""
    gap_longest: npt.NDArray[np.float32]
    far_longest: npt.NDArray[np.float32]
    zero_run: npt.NDArray[np.int32]
    """``[S]`` zeros up to the newest sample."""
    zero_odd: npt.NDArray[np.int8]
    """``[S]`` 1: that run of zeros is abnormal."""
    odd: npt.NDArray[np.int16]
    """``[S, 3]`` abnormal runs that were not counted: of equal values, of steps without a sample, of values far off."""
    rest: Floats
    """``[S]`` the value of abnormal runs of equal ones, NaN before the first."""
    rests: npt.NDArray[np.int8]
    """``[S]`` how many there were of this value, less those of others; in a young series one counts for enough."""
    rest_longest: npt.NDArray[np.float32]
    """``[S]`` the longest of them, the older ones with less weight."""
    arrived: npt.NDArray[np.float32]
    """``[S]`` samples, the older ones with less weight; and the zeros among them."""
    zeros: npt.NDArray[np.float32]


RUNS = "runs"
"""In a state."""
RECORD = record(
    Runs,
    equal_lengths=(_BINS, 2),
    gap_lengths=(_BINS, 2),
    far_lengths=(_FAR_BINS, 2),
    equal_longest=(2,),
    gap_longest=(2,),
    far_longest=(2,),
    odd=(3,),
)
"""What `Runs` holds of one series."""


class Evidence(Protocol):
    """Against ``S`` series at ``m`` times, each ``[S, m]``; of 1 and more it is abnormal. An array of which each field
    is an array, as kernels read it."""

    stuck: Floats
    """Length of the run of equal values over the longest plausible one; 0 for fewer than three."""
    absent: Floats
    """The same of the steps without a sample; 0 where one arrived."""
    zeroed: Floats
    """How many times as far from zero as it takes the expected value of a zero was, or as rare zeros are, whichever is
    less."""
    lasting: Floats
    """Length of the run of values far off to one side over the longest plausible one; 0 for fewer than three."""
    equal: npt.NDArray[np.int32]
    """Samples in the run of equal values; the newest is the last of them."""
    equal_from: Ints
    """ns of the first of them."""
    equal_usual: npt.NDArray[np.int32]
    """Samples in the second longest run before: what happened twice is usual."""
    gap: npt.NDArray[np.int32]
    """Steps without a sample up to this one; 0 where it arrived."""
    gap_from: Ints
    gap_usual: npt.NDArray[np.int32]


_EVIDENCE = record(Evidence)


def nothing(shape: tuple[int, int]) -> Evidence:
    """No evidence against the series and times of ``shape``."""
    return cast(Evidence, np.zeros(shape, _EVIDENCE))


def blank(series: int) -> dict[str, Array]:
    """The memory of ``series`` of which nothing is known, for `runs.take`."""
    runs = np.zeros(series, RECORD)
    runs["seen"] = NEVER
    runs["last"] = np.nan
    runs["rest"] = np.nan
    return {RUNS: runs}
