"""Where a series changes its shape, by the singular spectrum transformation.

The newest samples and those before them are each laid out as a square trajectory matrix, whose columns are windows a
sample apart. Of the past one the leading left singular vectors are taken, and the score says how much of the present
lies outside what they span. After takuti's Datadog Anomaly Detector, which has it by SVD and, after Idé and Tsuda, by a
few steps of Lanczos' method from a vector that follows the present one.

======  ======  ==========================================================================
past    [S, n]  the newest samples, the newest last
count   [S]     how many of them there are
vector  [S, w]  the leading left singular vector of the present, as far as it was followed
======  ======  ==========================================================================
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from typing import Annotated, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field, model_validator

from sentio.compiled import kernel
from sentio.config.misfit import misfit
from sentio.config.options import Options as Base
from sentio.online import Arrays, Online, agreeing
from sentio.types import ANOMALY, SCORE, Bools, Floats, Ints

_AT_ONCE = 1_000_000
"""Elements of the trajectory matrices that are taken apart at once."""
_MOST = 1e6
"""Of the standard score."""
_EPSILON = float(np.finfo(np.float64).eps)


class SST(Online):
    """A `sentio.contracts.Detector`."""

    class Options(Base):
        """As the original has them."""

        w: Annotated[int, Field(ge=2, le=500)] = 30
        """Samples of a window, and windows of a trajectory matrix."""
        r: Annotated[int, Field(ge=1, le=20)] = 3
        """Singular vectors that span what is usual."""
        method: Literal["svd", "lanczos"] = "lanczos"
        """How the vectors are compared: both spaces, exactly, or the leading vector of the present with the past."""
        g: int | None = None
        """Samples from the end of the past to the beginning of the present; None for ``-w``."""
        threshold: Annotated[float, Field(gt=0, lt=1)] = 0.8
        """A sample is anomalous whose ``score`` is more."""

        @model_validator(mode="after")
        def _fitting(self) -> SST.Options:
            if _steps(self.r) > self.w:
                raise misfit(f"has r {self.r} and w {self.w}", f"a w of at least {_steps(self.r)} is expected")
            if self.g is not None and not -self.w <= self.g <= self.w:
                raise misfit(f"has g {self.g} and w {self.w}", "a g from -w to w is expected")
            return self

    outputs = ("score",)

    def __init__(self, options: Options, executor: Executor) -> None:
        del executor  # nothing here takes long
        self._options = options
        self._w = options.w
        self._present = 2 * options.w + (-options.w if options.g is None else options.g)
        self._length = self._present + 2 * options.w - 1

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        vector = np.full((series, self._w), 1 / math.sqrt(self._w))
        return {"past": np.zeros((series, self._length)), "count": np.zeros(series, np.int64), "vector": vector}

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """Of the history only the end matters; the vector has followed it for a window's length by then."""
        newest = np.argsort(np.isfinite(values), axis=1, kind="stable")[:, -self._length - self._w :]
        tail = np.take_along_axis(values, newest, axis=1)
        self.step(own, times[:0], tail, np.zeros(tail.shape, bool))

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        score = np.full(values.shape, np.nan)
        samples = np.where(again, np.nan, values)
        if self._options.method == "lanczos":
            _judge(samples, self._present, self._options.r, own["past"], own["count"], own["vector"], score)
        else:
            for j in range(values.shape[1]):
                there = np.flatnonzero(np.isfinite(samples[:, j]))
                score[there, j] = self._by_svd(own, there, samples[there, j])
        standard = np.minimum(score / self._options.threshold, _MOST)
        standard, anomaly = agreeing(standard, score > self._options.threshold)
        return {SCORE: standard, ANOMALY: anomaly, "score": score}

    def _by_svd(self, own: Arrays, there: Ints, newest: Floats) -> Floats:
        """The scores of one sample each of the series ``there``; NaN for those of which too little is known."""
        own["past"][there, :-1] = own["past"][there, 1:]
        own["past"][there, -1] = newest
        own["count"][there] = np.minimum(own["count"][there] + 1, self._length)
        score = np.full(len(there), np.nan)
        full = np.flatnonzero(own["count"][there] == self._length)
        rows = max(1, _AT_ONCE // self._w**2)
        for first in range(0, len(full), rows):
            some = full[first : first + rows]
            score[some] = self._apart(own["past"][there[some]])
        return score

    def _apart(self, samples: Floats) -> Floats:
        """1 less the cosine of the smallest angle between past and present; ``samples [S, n]``."""
        size = np.abs(samples).max(axis=1, keepdims=True)
        # By a power of two, so that no digit changes: the score is the same at every scale.
        samples = np.ldexp(samples, -np.frexp(size)[1])
        span = 2 * self._w - 1
        spaces = [
            np.linalg.svd(sliding_window_view(part, self._w, axis=1))[0][:, :, : self._options.r]
            for part in (samples[:, :span], samples[:, self._present : self._present + span])
        ]
        overlap = np.swapaxes(spaces[0], 1, 2) @ spaces[1]
        largest = np.linalg.svd(overlap, compute_uv=False)[:, 0]
        return np.where(size[:, 0] > 0, np.clip(1 - largest, 0.0, 1.0), 0.0)


def _steps(r: int) -> int:
    """The size of Lanczos' matrix."""
    return 2 * r if r % 2 == 0 else 2 * r - 1


@kernel
def _judge(values: Floats, present: int, r: int, past: Floats, count: Ints, vector: Floats, score: Floats) -> None:
    """``score [S, m]``, by Lanczos' method."""
    w = vector.shape[1]
    steps = 2 * r if r % 2 == 0 else 2 * r - 1
    work, basis, scaled = np.empty((2, w)), np.empty((steps, w)), np.empty(past.shape[1])
    tri, turn = np.empty((steps, steps)), np.empty((steps, steps))
    for s in range(len(values)):
        for j in range(values.shape[1]):
            if np.isnan(values[s, j]):
                continue
            size = _push(past[s], values[s, j])
            count[s] = min(count[s] + 1, past.shape[1])
            if count[s] < past.shape[1]:
                continue
            if size == 0:
                score[s, j] = 0.0
                continue
            shift = -math.frexp(size)[1]
            for i in range(len(scaled)):
                scaled[i] = math.ldexp(past[s, i], shift)
            _follow(scaled[present:], vector[s], work)
            _tridiagonal(scaled, vector[s], tri, basis, work)
            score[s, j] = min(max(1 - _inside(tri, r, turn), 0.0), 1.0)


@kernel
def _push(past: Floats, value: float) -> float:
    """Have ``value`` be the newest; the largest of them all, whatever its sign."""
    largest = abs(value)
    for i in range(len(past) - 1):
        past[i] = past[i + 1]
        largest = max(largest, abs(past[i]))
    past[-1] = value
    return largest


@kernel
def _times(samples: Floats, vector: Floats, found: Floats) -> None:
    """``found``: the trajectory matrix of ``samples`` times ``vector``. The matrix is its own transpose."""
    for i in range(len(vector)):
        found[i] = 0.0
    for j in range(len(vector)):
        for i in range(len(vector)):
            found[i] += samples[i + j] * vector[j]


@kernel
def _product(one: Floats, other: Floats) -> float:
    total = 0.0
    for i in range(len(one)):
        total += one[i] * other[i]
    return total


@kernel
def _follow(samples: Floats, vector: Floats, work: Floats) -> None:
    """One step of the power method towards the leading left singular vector of the trajectory matrix."""
    one, other = work[0], work[1]
    _times(samples, vector, one)
    _times(samples, one, other)
    size = math.sqrt(_product(other, other))
    if size == 0:
        return
    for i in range(len(other)):
        other[i] /= size
    _times(samples, other, one)
    size = math.sqrt(_product(one, one))
    if size > 0:
        for i in range(len(one)):
            vector[i] = one[i] / size


@kernel
def _tridiagonal(samples: Floats, start: Floats, tri: Floats, basis: Floats, work: Floats) -> None:
    """``tri``: the square of the trajectory matrix in the basis that Lanczos' method finds from ``start``; zeros from
    where nothing of it is left. Each vector is held at right angles to all before it, twice: what rounding lets in of a
    leading one would come again as an eigenvalue of its own."""
    half, rest = work[0], work[1]
    for i in range(len(tri)):
        for j in range(len(tri)):
            tri[i, j] = 0.0
    for n in range(len(start)):
        basis[0, n] = start[n]
    largest = 0.0
    for j in range(len(tri)):
        _times(samples, basis[j], half)
        _times(samples, half, rest)
        for again in range(2):
            for i in range(j, -1, -1):
                share = _product(basis[i], rest)
                if i == j and again == 0:
                    tri[j, j] = share
                for n in range(len(rest)):
                    rest[n] -= share * basis[i, n]
        beta, largest = math.sqrt(_product(rest, rest)), max(largest, tri[j, j])
        if j + 1 == len(tri) or beta <= _EPSILON * len(rest) * largest:
            return
        tri[j, j + 1], tri[j + 1, j] = beta, beta
        for n in range(len(rest)):
            basis[j + 1, n] = rest[n] / beta


@kernel
def _inside(tri: Floats, r: int, turn: Floats) -> float:
    """How long that part of the first basis vector is which lies in the ``r`` leading eigenvectors of ``tri``, as one
    step of the QR algorithm estimates them. ``tri`` becomes its triangle, ``turn`` its rotation."""
    size = len(tri)
    for i in range(size):
        for j in range(size):
            turn[i, j] = 1.0 if i == j else 0.0
    for i in range(size - 1):
        length = math.hypot(tri[i, i], tri[i + 1, i])
        if length == 0:
            continue
        c, s = tri[i, i] / length, tri[i + 1, i] / length
        for j in range(size):
            tri[i, j], tri[i + 1, j] = c * tri[i, j] + s * tri[i + 1, j], c * tri[i + 1, j] - s * tri[i, j]
            turn[j, i], turn[j, i + 1] = c * turn[j, i] + s * turn[j, i + 1], c * turn[j, i + 1] - s * turn[j, i]
    values = np.zeros(size)
    for i in range(size):
        for j in range(size):
            values[i] += tri[i, j] * turn[j, i]
    total = 0.0
    for _ in range(r):
        leading = values.argmax()
        total += turn[0, leading] ** 2
        values[leading] = -np.inf
    return math.sqrt(total)
