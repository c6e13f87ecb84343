"""The last scored samples of each series with their bands, for the page's small pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentio.types import LOWER, UPPER, YHAT, Keys, Scores, positions

LENGTH = 60
"""Samples of a series that are kept."""


class Recent:
    """``kept``: the series, and ``[4, S, LENGTH]`` of them: sample, yhat, lower, upper; NaN where there was none.
    Newest last."""

    def __init__(self) -> None:
        # One attribute, put in place at once: the page reads it while a tick writes.
        self.kept: tuple[Keys, npt.NDArray[np.float32]] = ((), np.empty((4, 0, LENGTH), np.float32))

    def add(self, scores: Scores, *, again: bool = False) -> None:
        """Take the columns of ``scores``, ``again`` in place of the last ones; the series it does not have are
        forgotten."""
        keys, values = self.kept
        if scores.keys != keys:
            at = positions(scores.keys, keys)
            known = values
            values = np.full((4, len(scores.keys), LENGTH), np.nan, np.float32)
            values[:, at >= 0] = known[:, at[at >= 0]]
        none = np.full(scores.values.shape, np.nan)
        outputs = (scores.values, *(scores.outputs.get(name, none) for name in (YHAT, LOWER, UPPER)))
        with np.errstate(over="ignore"):  # beyond single precision there is nothing to draw
            fresh = np.stack(outputs, dtype=np.float32, casting="same_kind")[:, :, -LENGTH:]
        kept = values[:, :, : -fresh.shape[2]] if again else values[:, :, fresh.shape[2] :]
        self.kept = (scores.keys, np.concatenate([kept, fresh], axis=2))
