"""Replays many series, a few processes side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sentio.config.model import Config
from sentio.evaluation.labelled import Labelled
from sentio.evaluation.measures import Track, near_incident
from sentio.evaluation.recorded import gridded
from sentio.evaluation.recorder import output
from sentio.evaluation.replay import Replayed, replay
from sentio.executor import WorkerPool
from sentio.grid import place
from sentio.reports import Event
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Bools, Floats, Ints

_STANDARD = frozenset((YHAT, LOWER, UPPER, SCORE, ANOMALY))
_LIMIT_S = 86_400.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One series and what was said of its scored samples, each ``[n]``; NaN where nothing was said.

    ``times`` in ns, as they were recorded; ``labels`` 1 inside an incident; ``detector_lower`` and ``detector_upper``:
    the band of the detector itself.
    """

    group: str
    name: str
    known: bool
    step: int
    times: Ints
    values: Floats
    labels: Ints
    yhat: Floats
    lower: Floats
    upper: Floats
    score: Floats
    anomaly: Floats
    detector_lower: Floats
    detector_upper: Floats
    events: tuple[Event, ...]
    further: Mapping[str, Floats]
    """What else the detector says, by name."""

    def track(self, score: Floats) -> Track:
        """``score [n]`` of this series, to be measured."""
        return Track(self.times / SECOND, self.labels, score, self.step / SECOND)

    @property
    def clean(self) -> Bools:
        """``[n]``: outside every incident, widened as it is for the count."""
        return ~near_incident(self.times / SECOND, self.labels, self.step / SECOND)


def judge(
    config: Config,
    alias: str,
    series: Sequence[Labelled],
    pace: Callable[[int], None] | None = None,
    heard: Callable[[Event], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> list[Judged]:
    """Replay ``series``, of one step, as one panel: scored from where the first of them is. ``pace``, ``heard`` and
    ``progress`` as for `replay`."""
    step = config.pipelines[alias].step
    panel = gridded(tuple(one.key for one in series), [(one.times, one.values) for one in series], step)
    start = min(int(one.times[one.scored_from]) for one in series)
    if not len(panel.times):
        return []
    column = int(np.clip(-(-start // step) - panel.times[0] // step, 0, len(panel.times) - 1))
    found = replay(config, alias, panel, start=column, pace=pace, heard=heard, progress=progress)
    return [_judged(found, row, one, step) for row, one in enumerate(series)]


def _judged(found: Replayed, row: int, one: Labelled, step: int) -> Judged:
    placed = place(one.times, one.values, step)
    part = slice(one.scored_from, None)
    columns, taken = placed.cells[part] - found.times[0] // step, placed.taken[part]
    inside = (columns >= 0) & (columns < len(found.times))
    # A row without a value is a sample that did not arrive, and that may be what is flagged.
    missing = ~np.isfinite(one.values[part])
    missing[inside] &= np.isnan(found.values[row, columns[inside]])
    inside &= taken | missing

    def said(outputs: dict[str, Floats], name: str) -> Floats:
        values = np.full(len(columns), np.nan)
        values[inside] = output(outputs, name, found.values.shape)[row, columns[inside]]
        return values

    published, own = dict(found.outputs), dict(found.detector)
    return Judged(
        one.group, one.name, one.known, step,
        one.times[part], one.values[part], one.labels[part],
        said(published, YHAT), said(published, LOWER), said(published, UPPER),
        said(published, SCORE), said(published, ANOMALY),
        said(own, LOWER), said(own, UPPER),
        tuple(event for event in found.events if event.key == one.key),
        {name: said(own, name) for name in own if name not in _STANDARD},
    )  # fmt: skip


def in_processes(
    work: Callable[..., T], calls: Sequence[tuple[object, ...]], workers: int, progress: Callable[[int], None]
) -> Iterator[T]:
    """The results of ``work`` on each of ``calls``, in their order; ``progress`` hears how many are done.

    ``work`` is a function of a module, and what it takes can be pickled. Raises what it raises.
    """
    pool = WorkerPool(
        workers, ("sentio.evaluation.evaluate", "sentio.detectors.prophet.preload_batch"), limit_s=_LIMIT_S
    )
    try:
        futures: list[Future[T]] = [pool.submit(work, *call) for call in calls]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            progress(len(futures) - len(waiting))
            for future in futures:
                if future.done() and future.exception():
                    future.result()
        yield from (future.result() for future in futures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
