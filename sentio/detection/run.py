"""Scores a table: row by row through a detector that learns as it goes, or replayed as a service would have run."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sentio import catalog
from sentio.contracts import Detector
from sentio.errors import ConfigError, InputError, SensorsError
from sentio.evaluation.evaluate import Judged, judge
from sentio.evaluation.inline import Inline
from sentio.evaluation.labelled import Labelled, first_scored
from sentio.evaluation.settings import Settings, configured
from sentio.learning import begin
from sentio.state import SeriesStatus, State
from sentio.tables.lay import Laid, lay
from sentio.tables.reader import Rows, Table
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Floats, Panel, SeriesKey, positions

OWN_SCORE = "score"
"""The output that a detector's own score has, where the standard one is another."""
_CHANGE = re.compile(r"--set detector\.(?P<key>[^:]+):\d+: pipelines\.[^.]+\.detector(\.(?P<at>.+?))?: ")
_LOOKED_AT = 100_000
"""Rows of which the number decides how many are a batch; of more, a batch has as many as the detector says."""
_BATCH, _BATCH_OPTION = 1000, "batch"
_MOST = 20_000_000
"""Cells that are held at once where the whole table is replayed."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Rows and what was said of them, each ``[sensors, n]``, NaN where there is nothing to say: the detector's score,
    the flag (0 or 1), and ``further`` outputs by name. ``standard``: above 1 where it is flagged."""

    rows: Rows
    score: Floats
    standard: Floats
    flag: Floats
    further: Mapping[str, Floats]
    failed: Mapping[SeriesKey, str] = field(default_factory=dict)
    """Series that the detector judges no longer, and why."""


@dataclass(frozen=True, slots=True)
class Request:
    """``detector``: a name of the catalog, or ``module:Class``. ``changes``: ``detector.option=value``, as a backtest
    has them. ``warm_up`` ns at the beginning that a forecaster only learns from; None for 15 % of the samples."""

    detector: str
    changes: tuple[str, ...] = ()
    warm_up: int | None = None

    @property
    def all_changes(self) -> tuple[str, ...]:
        """Those that make the pipeline, the detector's type among them."""
        return f"detector.type={_quoted(self.detector)}", *self.changes


def score(table: Table, request: Request, progress: Callable[[float], None] = lambda _: None) -> Iterator[Scored]:
    """All rows of ``table`` in their order; ``progress`` hears the share that is done where all of it is replayed
    before the first is given. Raises `InputError`, `ConfigError`."""
    detector, batch = made(request)
    if not goes_on(detector):
        return _replayed(table, request, progress)
    if request.warm_up is not None:
        right = "a detector that is trained, such as prophet, is expected"
        raise ConfigError(f"--warm-up: is given, and {request.detector} learns from each sample as it judges; {right}")
    head, rest = _head(table.chunks())
    if batch is None:
        batch = _BATCH if rest is not None else first_batch(sum(map(len, head)))
        detector, _ = made(with_batch(request, batch))
    return _streamed(table, detector, itertools.chain(head, rest or ()), _first_rows(head, batch))


def made(request: Request) -> tuple[Detector, int | None]:
    """The detector, and how many samples its first batch has: 0 for one that has none, None where it is not said.
    Raises `ConfigError`."""
    try:
        config, alias = configured(Settings(changes=request.all_changes, train_every=None), os.environ, SECOND)
    except ConfigError as error:
        raise ConfigError(*map(_as_asked, error.problems)) from error
    block = config.pipelines[alias].detector
    detector: Detector = catalog.resolve("detectors", block.type)(block.options, Inline())
    batch: int = getattr(block.options, _BATCH_OPTION, 0)
    return detector, None if batch and _BATCH_OPTION not in block.options.model_fields_set else batch


def _as_asked(problem: str) -> str:
    """A problem of a change of the configuration, by the name of the option that has asked for it."""
    found = _CHANGE.match(problem)
    if found is None:
        return problem
    at = found["at"] or found["key"]
    return f"{'--detector' if at == 'type' else f'--param {at}'}: {problem[found.end() :]}"


def goes_on(detector: Detector) -> bool:
    """Whether it learns as it judges."""
    return bool(getattr(detector, "learns_as_it_goes", False))


def warm(detector: Detector) -> None:
    """Compile what ``detector`` needs, which may take seconds, before anything is to be judged in time."""
    times = SECOND * np.arange(1, 3, dtype=np.int64)
    few = Panel((SeriesKey("warm"),), times, np.zeros((1, 2)))
    detector.score(detector.fit(few), few)


def with_batch(request: Request, batch: int) -> Request:
    """The same with a first batch of so many samples."""
    return replace(request, changes=(*request.changes, f"detector.{_BATCH_OPTION}={batch}"))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _head(chunks: Iterator[Rows]) -> tuple[list[Rows], Iterator[Rows] | None]:
    """The first rows, as many as are looked at, and the others; None where there are none."""
    head: list[Rows] = []
    number = 0
    for rows in chunks:
        head.append(rows)
        number += len(rows)
        if number >= _LOOKED_AT:
            return head, chunks
    return head, None


def first_batch(rows: int) -> int:
    """How many of ``rows`` are the first batch: of the equal parts, none longer than `_BATCH`, that datastream.io cuts
    a table into."""
    return max(2, math.ceil(rows / math.ceil(rows / _BATCH))) if rows else _BATCH


def _first_rows(head: Iterable[Rows], number: int) -> Iterator[Rows]:
    """The first ``number`` of them."""
    for rows in head:
        if number <= 0:
            return
        part = min(number, len(rows))
        yield Rows(rows.line, rows.times[:part], rows.values[:, :part], rows.groups, rows.group[:part])
        number -= part


def _streamed(table: Table, detector: Detector, chunks: Iterable[Rows], batch: Iterable[Rows]) -> Iterator[Scored]:
    """Rows as they come. Where there is a ``batch`` of them, the detector begins with that, and judges it by what it
    has learned from it; else it begins with nothing."""
    first = list(batch)
    state = detector.fit(_together(table, first)) if first else State((), {})
    for rows in chunks:
        laid = lay(rows, table.name, table.sensors, table.by)
        state = begin(detector, state, laid.panel.keys)
        state, scores = detector.score(state, laid.panel)
        yield replace(_scored(rows, laid, scores.outputs), failed=_failed(state))


def _failed(state: State) -> dict[SeriesKey, str]:
    failed = np.flatnonzero(state["status"] == SeriesStatus.FAILED).tolist() if state.keys else ()
    return {state.keys[i]: str(state["detail"][i]) for i in failed}


def _together(table: Table, parts: Iterable[Rows]) -> Panel:
    """One panel of all of them. Raises `SensorsError` where it would be too large."""
    panels = [lay(rows, table.name, table.sensors, table.by).panel for rows in parts]
    keys = tuple(dict.fromkeys(key for panel in panels for key in panel.keys))
    times = np.unique(np.concatenate([panel.times for panel in panels]))
    if len(keys) * len(times) > _MOST:
        raise SensorsError(
            f"{table.where}: has {len(keys):,} series at {len(times):,} times, more than are held at once "
            f"({_MOST:,}); a detector that learns as it goes, or a part of the table, is expected"
        )
    values = np.full((len(keys), len(times)), np.nan)
    for panel in panels:
        rows, columns = positions(panel.keys, keys), np.searchsorted(times, panel.times)
        there = np.isfinite(panel.values)
        at = np.nonzero(there)
        values[rows[at[0]], columns[at[1]]] = panel.values[there]
    return Panel(keys, times, values)


def _scored(rows: Rows, laid: Laid, outputs: Mapping[str, Floats]) -> Scored:
    back = {name: laid.back(values) for name, values in outputs.items()}
    standard, flag = back.pop(SCORE), back.pop(ANOMALY)
    return Scored(rows, back.pop(OWN_SCORE, standard), standard, flag, back)


def _replayed(table: Table, request: Request, progress: Callable[[float], None]) -> Iterator[Scored]:
    """The whole table through the two ticks of a service: trained as time goes on, each sample judged by what came
    before it."""
    chunks = list(table.chunks())
    panel = _together(table, chunks)
    step = _step(table, panel)
    config, alias = configured(Settings(changes=request.all_changes, train_every=None), os.environ, step)
    first = first_scored(panel.times, request.warm_up)
    none = np.zeros(len(panel.times), np.int64)
    series = [
        Labelled(table.name, key, panel.times, row, none, step, first, known=False)
        for key, row in zip(panel.keys, panel.values, strict=True)
    ]
    outputs = _outputs(judge(config, alias, series, progress=progress), panel, first)
    for rows in chunks:
        laid = lay(rows, table.name, table.sensors, table.by)
        at = np.ix_(positions(laid.panel.keys, panel.keys), np.searchsorted(panel.times, laid.panel.times))
        yield _scored(rows, laid, {name: values[at] for name, values in outputs.items()})


def _step(table: Table, panel: Panel) -> int:
    """The usual distance of two times. Raises `InputError`."""
    if len(panel.times) < 2:
        raise InputError(f"{table.where}: has samples of one time only; at least two times are expected")
    return max(SECOND, round(float(np.median(np.diff(panel.times))) / SECOND) * SECOND)


def _outputs(found: Sequence[Judged], panel: Panel, first: int) -> dict[str, Floats]:
    """By name, ``[S, m]`` as ``panel`` is; NaN before the column ``first``."""
    outputs: dict[str, Floats] = {}
    for row, one in enumerate(found):
        said = {SCORE: one.score, ANOMALY: one.anomaly, **one.further}
        if np.isfinite(one.yhat).any():
            said |= {YHAT: one.yhat, LOWER: one.lower, UPPER: one.upper}
        for name, values in said.items():
            outputs.setdefault(name, np.full(panel.values.shape, np.nan))[row, first:] = values
    return outputs
