"""Detectors of one's own, each with one mistake but for the first four."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sentio.config.options import Options as Base
from sentio.online import Online, agreeing
from sentio.types import ANOMALY, SCORE


class Band:
    """In the later vocabulary: outside what it was taught, widened."""

    def __init__(self, margin: float = 1.0, sides: str = "both") -> None:
        if margin < 0:
            raise ValueError(f"margin is {margin}, below 0")
        self.margin, self.sides = margin, sides

    def fit(self, x: pd.Series) -> Band:
        self.lower_, self.upper_ = x.min() - self.margin, x.max() + self.margin
        return self

    def update(self, x: pd.Series) -> Band:
        return self.fit(x)

    def score_anomaly(self, x: pd.Series) -> pd.Series:
        middle, half = (self.lower_ + self.upper_) / 2, (self.upper_ - self.lower_) / 2
        return (x - middle).abs() / half

    def flag_anomaly(self, x: pd.Series) -> pd.Series:
        above = x > self.upper_
        return above | (x < self.lower_) if self.sides == "both" else above


class Share:
    """In the first vocabulary: the share of the newest samples that are no more."""

    def __init__(self, window=100):
        self.window = window

    def train(self, x):
        self.sample_ = np.sort(x.to_numpy()[-self.window :])

    def update(self, x):
        self.train(pd.concat([pd.Series(self.sample_), x]))

    def score(self, x):
        return np.searchsorted(self.sample_, x.to_numpy(), side="right") / len(self.sample_)


class Plain(Online):
    """In our own vocabulary: far from zero, by the largest that was seen."""

    class Options(Base):
        """One."""

        factor: float = 1.5

    def __init__(self, options, executor):
        del executor
        self.factor = options.factor

    def blank(self, series):
        return {"largest": np.zeros(series)}

    def step(self, own, times, values, again):
        del times
        seen = np.where(np.isnan(values) | again, 0, np.abs(values))
        largest = np.maximum.accumulate(np.column_stack([own["largest"], seen]), axis=1)
        own["largest"] = largest[:, -1]
        far = np.abs(values) / (self.factor * np.maximum(largest[:, :-1], 1e-300))
        score, anomaly = agreeing(np.minimum(far, 1e6), far > 1)
        return {SCORE: score, ANOMALY: anomaly}


class Fragile(Share):
    """Cannot bear what is large."""

    def train(self, x):
        if x.max() > 1000:
            raise ValueError("too large to learn\nfrom")
        super().train(x)

    def score(self, x):
        if x.max() > 500:
            raise KeyError("too large to judge")
        return super().score(x)


class NoUpdate:
    def train(self, x):
        raise NotImplementedError

    def score(self, x):
        raise NotImplementedError


class OnlyFit:
    def fit(self, x):
        raise NotImplementedError


class Nothing:
    pass


class Needs(Share):
    def __init__(self, window: int):
        super().__init__(window)


class Keeps(Share):
    def __init__(self, keep=5):
        super().__init__(keep)


class ByPosition(Share):
    def __init__(self, window=5, /):
        super().__init__(window)
