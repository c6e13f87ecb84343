"""The last report judged again, where models or judges come for series of it that had none: nobody should wait for the
next sample to see a band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentio.fitted import known
from sentio.held import give_back
from sentio.judgement.evidence import NEVER
from sentio.judgement.judge import Judge
from sentio.pipeline import Line, Memory, score
from sentio.reports import Report
from sentio.state import State, merged
from sentio.types import Bools, Panel, Scores


class Rejudging:
    """What was known before the last report, while a first model or judge may come for one of its series."""

    def __init__(self) -> None:
        self._before: Memory | None = Memory()
        self._whole = False
        self._left_out: Bools | None = None

    @property
    def possible(self) -> bool:
        """Whether there may be something new to say of the last report."""
        return self._before is not None

    def begin(self, before: Memory, whole: bool, left_out: Bools | None) -> None:
        """A report is judged from ``before``; the others are as `sentio.pipeline.score` has them."""
        self._before, self._whole, self._left_out = before, whole, left_out

    def let_go(self, judge: Judge, memory: Memory, report: Report, unbegun: Bools | None) -> None:
        """What was known before ``report``, where no first model or ``judge`` may come for one of its series.
        ``memory`` is what is known after it; ``unbegun`` is None where no judge is yet to begin."""
        keys = report.scores.keys
        if unbegun is not None or not known(memory.model, keys).all():
            return
        if not judge.policy.enabled or (judge.times(memory.judged) != NEVER)[: len(keys)].all():
            self._before = None

    def with_judges(self, memory: Memory, judges: list[State]) -> Memory:
        """``memory`` with ``judges`` that have begun, of which nothing is left: there is much of it. They stand where
        the others did before the last report, if that may be judged again."""
        parts = [(self._before or memory).judged, *judges]
        judges.clear()
        judged = merged(parts)
        give_back()  # the pieces of the threads that made them
        if self._before is not None:
            self._before = replace(self._before, model=memory.model, judged=judged)
        return replace(memory, judged=judged)

    def judged(self, line: Line, memory: Memory, last: Report, unbegun: Bools | None) -> tuple[Memory, Report]:
        """What is known after the ``last`` report, and that report, judged from where the judge stood before it, so
        that no sample counts twice. Its alerts were told when it was new. ``memory``: what is known now."""
        if self._before is None:
            raise RuntimeError("the last report is judged for good")
        fresh = Panel(last.scores.keys, last.scores.times, last.scores.values)
        after, report, _ = score(
            line, self._before, fresh, fresh.keys, last.at, left_out=self._left_out, whole=self._whole,
            unbegun=unbegun,
        )  # fmt: skip
        if getattr(line.detector, "learns_as_it_goes", False):
            report = replace(report, scores=_first_said(last.scores, report.scores))
        report = replace(report, firing=last.firing, levels=last.levels, failures=last.failures)
        return replace(after, alerts=memory.alerts, away=memory.away), report


def _first_said(before: Scores, again: Scores) -> Scores:
    """``again``, and what was said ``before`` of samples of which a detector that has learned from them says nothing
    more."""
    outputs = {
        name: np.where(np.isfinite(values), values, before.outputs.get(name, values))
        for name, values in again.outputs.items()
    }
    return replace(again, outputs=outputs)
