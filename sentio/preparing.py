"""A judge begins with what its series' models do on the history that they were learned from."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np

from sentio.fitted import usable
from sentio.histories import Histories
from sentio.judgement.evidence import NEVER
from sentio.pipeline import Line
from sentio.state import State
from sentio.types import Bools, Ints, Panel, positions

_FROM, _AT_ONCE = 6000, 25_000
"""So many steps of the history, as many as a model has; and so many samples at a time, each of which is some thirty
numbers meanwhile."""

_Lesson = Callable[[State], State]
"""What a judge learns from a part of the history."""


def beginning(line: Line, judged: State, fitted: State) -> State:
    """Of the series ``fitted`` those that no judge has seen yet, ``judged``: theirs is to see how the models do on what
    they were learned from."""
    begins = usable(fitted) & line.judge.policy.enabled
    at = positions(fitted.keys, judged.keys)
    if judged.keys:
        begins &= (at < 0) | (line.judge.times(judged)[np.maximum(at, 0)] == NEVER)
    return fitted if begins.all() else fitted.select(np.flatnonzero(begins))


def prepared(line: Line, histories: Histories, fitted: State, until: Callable[[], int], now: int) -> Iterator[State]:
    """What the judge knows of the series ``fitted`` after their history up to ``until`` (ns), some at a time.

    The judge's kernels run without the interpreter's lock, so each core has some series. The detector, which may keep
    anything, is asked here, one series after another; and no further ahead than the judge can follow.
    """
    rows = max(1, _AT_ONCE // max(1, min(_FROM, histories.columns)))
    cores = len(os.sched_getaffinity(0))
    waiting: deque[Future[State]] = deque()
    with ThreadPoolExecutor(cores, "judge") as threads:
        for first in range(0, len(fitted.keys), rows):
            part = fitted.select(np.arange(first, min(first + rows, len(fitted.keys))))
            lessons = _lessons(line, histories, part, until(), now)
            waiting.append(threads.submit(_taught, line.judge.blank(part.keys), lessons))
            if len(waiting) > cores:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _taught(judged: State, lessons: list[_Lesson]) -> State:
    for lesson in lessons:
        judged = lesson(judged)
    return judged


def _lessons(line: Line, histories: Histories, fitted: State, until: int, now: int) -> list[_Lesson]:
    """First on the coarse grid, up to where every step is kept, then step by step."""
    coarse, young = histories.whole, histories.young
    fine, out = young.with_left_out(fitted.keys, now)
    panels = [(fine, out, young.step)]
    if young is not coarse:
        panel, out = coarse.with_left_out(fitted.keys, now)
        old = panel.times < (fine.times[0] if len(fine.times) else until)
        panels.insert(0, (_columns(panel, old), out[:, old], coarse.step))
    lessons: list[_Lesson] = []
    for panel, out, step in panels:
        wanted = np.flatnonzero(panel.times <= until)[-_FROM:]
        if len(wanted):
            history = _columns(panel, wanted)
            _, scores = line.detector.score(fitted, history)
            left_out, fitted_at = out[:, wanted], fitted["fitted_at"]
            lessons.append(
                partial(
                    line.judge.learn, history=history, step=step, scores=scores, fitted_at=fitted_at, left_out=left_out
                )
            )
    return lessons


def _columns(panel: Panel, wanted: Bools | Ints) -> Panel:
    return Panel(panel.keys, panel.times[wanted], panel.values[:, wanted])
