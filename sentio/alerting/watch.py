"""One expression at work: where it holds at each new sample, with what it remembers of the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from sentio.alerting.expression import parse
from sentio.alerting.memory import Layout, Memory, Slot, pushed
from sentio.alerting.operands import Inputs
from sentio.types import SCORE, Bools, Floats, Ints, Scores

VALUE = "value"
_SHORT = {"score": SCORE, "pvalue": "anomaly_pvalue"}
"""What an expression may say → the output that it means."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One time of all series. ``arrived [S]``: there is a sample, or a score for its absence; ``partial [S]``: there is
    one of the two only, a sample that nothing which knows its series has judged, or the score of none."""

    at: int
    arrived: Bools
    partial: Bools
    named: Mapping[str, Floats]
    """Outputs ``[S]`` by what expressions call them; without those that do not exist."""


class Samples:
    """The outputs of ``scores``, by the names that expressions have for them."""

    def __init__(self, scores: Scores) -> None:
        self._scores = scores
        self._outputs: dict[str, Floats] = {**scores.outputs, VALUE: scores.values}
        for short, full in _SHORT.items():
            if full in self._outputs:
                self._outputs[short] = self._outputs[full]
        there = np.isfinite(scores.values)
        scored = np.isfinite(scores.outputs[SCORE]) if SCORE in scores.outputs else there
        # A series that is missing has no value, and a score where that is an anomaly.
        self._arrived, self._partial = there | scored, there ^ scored

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(sorted(self._outputs))

    def at(self, column: int) -> Sample:
        named = {name: output[:, column] for name, output in self._outputs.items()}
        arrived, partial = self._arrived[:, column], self._partial[:, column]
        return Sample(int(self._scores.times[column]), arrived, partial, named)

    def newest(self) -> Ints:
        """``[S]``: the column of each series' newest sample, or the last one where none arrived."""
        last = self._arrived.shape[1] - 1
        back = np.argmax(self._arrived[:, ::-1], axis=1)
        return np.asarray(np.where(self._arrived.any(axis=1), last - back, last))


class Watch:
    """``where``: its place in the configuration; ``place``: under which its arrays are remembered, for what another
    expression has seen at the same place says nothing of this one."""

    def __init__(self, where: str, text: str) -> None:
        self.where = where
        self.expression = parse(text)
        self.place = f"{where}.{crc32(self.expression.text.encode()):08x}"
        self._hits = f"{self.place}.hits"
        self._kept = tuple(f"{self.place}.smooth{i}" for i in range(len(self.expression.smooths)))

    @property
    def layout(self) -> Layout:
        """``hits``: whether it held at the last samples, a bit each, the newest one lowest."""
        smooths = zip(self._kept, self.expression.smooths, strict=True)
        return {
            self._hits: Slot(np.int64),
            **{name: Slot(np.float64, np.nan, (smooth.length,)) for name, smooth in smooths},
        }

    def step(self, memory: Memory, sample: Sample) -> Bools:
        """``[S]``: whether it holds after ``sample``; as before where that does not tell."""
        expression, tells = self.expression, self.tells(sample)
        unknown = [name for name in expression.names if name not in sample.named]
        nothing = np.full(len(sample.arrived), np.nan)
        inputs = Inputs({**sample.named, **dict.fromkeys(unknown, nothing)})
        with np.errstate(all="ignore"):  # what is no number holds nowhere
            for name, smooth in zip(self._kept, expression.smooths, strict=True):
                newest = np.broadcast_to(smooth.of(inputs), nothing.shape)
                absent = np.isnan(sample.named[VALUE]) & np.isnan(newest)
                memory[name] = pushed(memory[name], newest, sample.arrived & ~absent)
                inputs.smoothed.append(_mean(memory[name]))
            now = expression.holds(inputs) & (not unknown)
        shifted = (memory[self._hits] << 1 | now) & ((1 << expression.among) - 1)
        memory[self._hits] = np.where(tells | (now & sample.arrived), shifted, memory[self._hits])
        return self.holds(memory)

    def tells(self, sample: Sample) -> Bools:
        """``[S]``: whether ``sample`` has all that is asked for. Where none arrived it has not; nor where its series
        has no model or judge yet, as after a restart, or is missing: an alert on a score does not end because there is
        none, nor one on the value."""
        lacking = np.zeros(len(sample.arrived), np.bool_)
        for name in self.expression.names:
            if name in sample.named:
                lacking |= np.isnan(sample.named[name])
        return sample.arrived & ~(sample.partial & lacking)

    def holds(self, memory: Memory) -> Bools:
        """``[S]``: whether it held at the newest sample of each series."""
        return np.asarray(np.bitwise_count(memory[self._hits]) >= self.expression.least)


def _mean(kept: Floats) -> Floats:
    """``[S]``, of the columns of ``kept [S, n]``, added one after another: in the same order however many series
    there are, so that how they are dealt out changes no bit."""
    total = kept[:, 0]
    for column in range(1, kept.shape[1]):
        total = total + kept[:, column]
    return np.asarray(total / kept.shape[1])
