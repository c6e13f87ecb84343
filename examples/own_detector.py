"""A detector of one's own, as datastream.io has them: how far a sample is above all that were seen lately.

In a pipeline: ``detector: {type: "examples/own_detector.py:GreaterThanMaxRolling", window: 500, margin: 0.1}``.
"""

from __future__ import annotations

import pandas as pd


class GreaterThanMaxRolling:
    """A sample is anomalous that is above the largest of the last ``window``, by more than ``margin`` of the range."""

    def __init__(self, window: int = 1000, margin: float = 0.0) -> None:
        if window < 2:
            raise ValueError(f"window is {window}; 2 samples or more are expected")
        self.window = window
        self.margin = margin

    def fit(self, x: pd.Series) -> GreaterThanMaxRolling:
        """``x``: the first samples of one series."""
        self.sample_ = x.tail(self.window)
        return self

    def update(self, x: pd.Series) -> GreaterThanMaxRolling:
        """``x``: the next batch."""
        return self.fit(pd.concat([self.sample_, x], ignore_index=True))

    def score_anomaly(self, x: pd.Series) -> pd.Series:
        """0 at the smallest of the window, 1 at the largest."""
        low, high = self.sample_.min(), self.sample_.max()
        return (x - low) / max(high - low, 1e-9)

    def flag_anomaly(self, x: pd.Series) -> pd.Series:
        return self.score_anomaly(x) > 1 + self.margin
