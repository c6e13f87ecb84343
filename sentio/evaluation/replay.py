"""History through the pipeline as it runs in production: the same two ticks, with other times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sentio import build
from sentio.config.model import Config
from sentio.evaluation.inline import Inline
from sentio.evaluation.recorded import Recorded
from sentio.evaluation.recorder import Outputs, Recorder, overheard
from sentio.evaluation.schedule import cuts, trainings
from sentio.reports import Event
from sentio.runner import Runner, Tick
from sentio.telemetry import Telemetry
from sentio.types import Floats, Ints, Keys, Panel

AT_ONCE = 1000
"""Steps in one score tick: what a runner catches up with at once."""
_SAMPLES_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What was said of ``values [S, m]`` for ``keys [S]`` at ``times [m]`` (ns, the pipeline's grid).

    ``outputs``: by name, each ``[S, m]``, as published; NaN where nothing was said. ``detector``: those of the detector
    itself, before anything else looked at them. ``events``: in the order in which they came.
    """

    keys: Keys
    times: Ints
    values: Floats
    outputs: Mapping[str, Floats]
    detector: Mapping[str, Floats]
    events: tuple[Event, ...]


def replay(
    config: Config,
    alias: str,
    panel: Panel,
    *,
    start: int = 0,
    at_once: int = AT_ONCE,
    progress: Callable[[float], None] = lambda _: None,
    pace: Callable[[int], None] | None = None,
    heard: Callable[[Event], None] = lambda _: None,
) -> Replayed:
    """Run the pipeline ``alias`` of ``config`` over ``panel``, step by step from the column ``start`` on.

    ``panel.times``: every multiple of the pipeline's step from the first to the last. What lies before ``start`` is
    history that a service finds at its start; with 0 it starts with none. A sample is judged by a model that has
    learned from what came before it: the samples of one step are judged first and learned from then. ``at_once``: how
    many steps one tick may score; it changes no bit of any score. ``progress``: called with the share that is done.
    ``pace``: called with the time of each step before it is scored, one step at a time, such as to wait for it;
    ``heard`` with each alert as it changes.

    What ``judgement.exclude`` says is left out. Its ``exclude_when`` is not read, for ``panel`` has the samples of one
    query.

    Raises `ValueError` for times that are not on the grid, or a ``start`` that is no column.
    """
    step = config.pipelines[alias].step
    _check(panel, start, step)
    source = Recorded(panel, step)
    published, own = Outputs(panel.keys, panel.times, step), Outputs(panel.keys, panel.times, step)
    sink = Recorder(published, heard)
    runner = _runner(config, alias, source, sink)
    runner.line = replace(runner.line, detector=overheard(runner.line.detector, own))
    _Drive(runner, source, panel, start, at_once if pace is None else 1).run(progress, pace or (lambda _: None))
    return Replayed(panel.keys, panel.times, panel.values, published.by_name, own.by_name, tuple(sink.events))


def _runner(config: Config, alias: str, source: Recorded, sink: Recorder) -> Runner:
    """The pipeline at work, with what is outside of it replaced."""
    return build.runner(
        config,
        alias,
        executor=Inline(),
        sinks=(sink,),
        telemetry=Telemetry(),
        pause=lambda _: None,
        save=lambda _: None,
        source=source,
    )


def _check(panel: Panel, start: int, step: int) -> None:
    if not len(panel.times) or (panel.times % step).any() or (np.diff(panel.times) != step).any():
        raise ValueError(f"replay: the times of the panel are not every multiple of {step} ns; such times are expected")
    if not 0 <= start < len(panel.times):
        raise ValueError(f"replay: start is {start}; a column from 0 to {len(panel.times) - 1} is expected")


class _Drive:
    """The clock of a replay, in place of the scheduler."""

    def __init__(self, runner: Runner, source: Recorded, panel: Panel, start: int, at_once: int) -> None:
        self._runner, self._source, self._times, self._start = runner, source, panel.times, start
        arrived = np.isfinite(panel.values)
        self._trainings = trainings(arrived, panel.times, start, runner.timing)
        self._cuts = cuts(arrived, panel.times, start, runner.timing)
        self._at_once = max(1, min(at_once, _SAMPLES_AT_ONCE // max(1, len(panel.keys))))

    def run(self, progress: Callable[[float], None], pace: Callable[[int], None]) -> None:
        """Both ticks, to the end of the panel."""
        column = self._start
        due = self._trainings.tolist()
        if due and due[0] < self._times[column]:
            self._train(due.pop(0))
        while column < len(self._times):
            end = self._batch_end(column, due[0] if due else None)
            now = int(self._times[end - 1])
            pace(now)
            self._source.now = now
            self._runner.score(now, Tick())
            if due and due[0] <= now:
                self._train(due.pop(0))
            column = end
            progress((column - self._start) / (len(self._times) - self._start))

    def _train(self, now: int) -> None:
        self._source.now = now
        self._runner.train(now, Tick())

    def _batch_end(self, column: int, training: int | None) -> int:
        """The column behind the batch that begins with ``column``: at most to the next moment when the pipeline is
        another one, because it trains, other series are awaited, or a model is out of date."""
        if column == self._start:  # a runner without a cursor looks at the newest step alone
            return column + 1
        ends = [column + self._at_once, len(self._times)]
        if training is not None:
            ends.append(int(np.searchsorted(self._times, training, side="right")))
        at = int(np.searchsorted(self._cuts, column, side="right"))
        if at < len(self._cuts):
            ends.append(int(self._cuts[at]))
        state = self._runner.state
        if state.keys:
            until = state["fitted_at"] + self._runner.timing.model_ttl
            until = until[until >= self._times[column]]
            if len(until):
                ends.append(int(np.searchsorted(self._times, until.min(), side="right")))
        return max(column + 1, min(ends))
