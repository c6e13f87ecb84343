"""The last samples of each series, with the bands of those that were scored, for the page's small pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentio.types import LOWER, UPPER, YHAT, Keys, Panel, Scores, positions

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

    def precede(self, past: Panel, at: int, step: int) -> None:
        """Where there is no sample, take that of ``past``, whose times are ``step`` ns apart; the newest column is of
        ``at`` ns."""
        keys, values = self.kept
        row, column = positions(keys, past.keys), (past.times - at) // step + LENGTH - 1
        rows, some = np.flatnonzero(row >= 0), (column >= 0) & (column < LENGTH)
        cells = np.ix_(rows, column[some])
        drawn = values.copy()
        with np.errstate(over="ignore"):
            came = past.values[row[rows]][:, some].astype(np.float32)
        drawn[0][cells] = np.where(np.isnan(values[0][cells]), came, values[0][cells])
        self.kept = (keys, drawn)
