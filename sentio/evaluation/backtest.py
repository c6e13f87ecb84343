"""One backtest: what is to be replayed, with which configuration, and what came out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

import numpy as np

from sentio.config.model import Config
from sentio.errors import EvaluationError
from sentio.evaluation.evaluate import Judged, in_processes, judge
from sentio.evaluation.labelled import (
    Entry,
    Labelled,
    Windows,
    of_panel,
    read_file,
    read_manifest,
    read_windows,
    with_windows,
)
from sentio.evaluation.record import Progress, read_parts, share_of, span
from sentio.evaluation.settings import Settings, configured
from sentio.reports import Event
from sentio.types import Panel, Window, stack

_SERIES_A_TASK = 32


@dataclass(frozen=True, slots=True)
class Running:
    """How it runs: ``workers`` processes; ``labels``, a CSV file of windows, with times of ``zone`` where they name
    none; ``warm_up``, ns that are only learned from (None for 15 % of the samples)."""

    workers: int = 2
    labels: Path | None = None
    warm_up: int | None = None
    zone: tzinfo = UTC

    def windows(self, series: Iterable[tuple[str, str]]) -> Windows | None:
        """Those of ``series``, each a set and a name. Raises `EvaluationError`."""
        return None if self.labels is None else read_windows(self.labels, series, self.zone)


@dataclass(frozen=True, slots=True)
class Live:
    """A replay that is watched: ``pace`` waits for the time of each step (ns), ``heard`` is told of each alert."""

    pace: Callable[[int], None]
    heard: Callable[[Event], None]


def of_folder(folder: Path, settings: Settings, running: Running, progress: Progress) -> list[Judged]:
    """Every series that ``folder/manifest.csv`` lists. Raises `EvaluationError`, `ConfigError`."""
    entries = read_manifest(folder)
    configs = {step: configured(settings, os.environ, step) for step in sorted({entry.step for entry in entries})}
    windows = running.windows((entry.group, entry.name) for entry in entries)
    calls = [(*configs[entry.step], entry, windows) for entry in entries]
    done = in_processes(_judge_entry, calls, running.workers, lambda n: progress("series replayed", n, len(calls)))
    return [one for part in done for one in part]


def _judge_entry(config: Config, alias: str, entry: Entry, windows: Windows | None) -> list[Judged]:
    # In the worker: what is parsed there need not be sent.
    series = entry.read()
    return judge(config, alias, [series if windows is None else with_windows(series, windows)])


def _with_labels(series: list[Labelled], running: Running) -> list[Labelled]:
    windows = running.windows((one.group, one.name) for one in series)
    return series if windows is None else [with_windows(one, windows) for one in series]


def of_file(path: Path, settings: Settings, running: Running, progress: Progress) -> list[Judged]:
    """One file of samples. Raises `EvaluationError`, `ConfigError`."""
    series = _with_labels([read_file(path, "file", running.warm_up)], running)
    config, alias = configured(settings, os.environ, series[0].step)
    return judge(config, alias, series, progress=share_of(progress))


def of_pipeline(
    settings: Settings, window: tuple[int | None, int], running: Running, progress: Progress
) -> list[Judged]:
    """What the source of a pipeline has between the two times ``window`` (ns; the first None for its training window
    and half of it). Raises `SourceError`, `EvaluationError`, `ConfigError`."""
    config, alias = configured(settings, os.environ)
    panel = _read(config, alias, span(config, alias, *window), progress)
    return _in_parts(config, alias, _series(config, alias, panel, running), running, progress)


def since(
    settings: Sequence[Settings],
    window: tuple[int, int],
    running: Running,
    progress: Progress,
    live: Live | None = None,
) -> list[list[Judged]]:
    """The pipeline of each of ``settings`` as it would have run between the two times ``window`` (ns), with the
    training window before as the history that it finds. What they read alike is read once. ``live``: the first of them
    at this pace, all in this process. Raises as `of_pipeline`."""
    pipelines = [configured(one, os.environ) for one in settings]
    found: list[list[Judged]] = []
    for (config, alias), panel in zip(pipelines, _histories(pipelines, window, progress), strict=True):
        # A window shorter than a step has the one step before its end.
        warm_up = max(0, min(window[0], int(panel.times[-1])) - int(panel.times[0])) if len(panel.times) else 0
        series = _series(config, alias, panel, replace(running, warm_up=warm_up))
        if live is not None and not found:
            found.append(judge(config, alias, series, live.pace, live.heard))
        else:
            found.append(_in_parts(config, alias, series, running, progress))
    return found


def _histories(pipelines: Sequence[tuple[Config, str]], window: tuple[int, int], progress: Progress) -> Iterator[Panel]:
    """What each of them has in ``window`` and in its training window before."""
    start, end = window
    known: list[tuple[object, Panel]] = []
    for config, alias in pipelines:
        asked = _asked(config, alias)
        panel = next((panel for what, panel in known if what == asked), None)
        if panel is None:
            longest = max(c.pipelines[a].train.window for c, a in pipelines if _asked(c, a) == asked)
            panel = _read(config, alias, _before(config, alias, start, end, longest), progress)
            known.append((asked, panel))
        first = _before(config, alias, start, end, config.pipelines[alias].train.window).start
        at = int(np.searchsorted(panel.times, first))
        yield Panel(panel.keys, panel.times[at:], panel.values[:, at:])


def _asked(config: Config, alias: str) -> tuple[object, ...]:
    """Pipelines for which this is the same read the same samples."""
    pipeline = config.pipelines[alias]
    return config.sources[pipeline.source], pipeline.query, pipeline.step, config.shard


def _before(config: Config, alias: str, start: int, end: int, history: int) -> Window:
    return Window.ending(end, end - start + history, config.pipelines[alias].step)


def _read(config: Config, alias: str, window: Window, progress: Progress) -> Panel:
    return stack(list(read_parts(config, alias, window, progress)))


def _series(config: Config, alias: str, panel: Panel, running: Running) -> list[Labelled]:
    series = of_panel(panel, alias, config.pipelines[alias].step, running.warm_up)
    if not series:
        raise EvaluationError(f"{alias}: the query gives no series there; a --start and --end with samples is expected")
    return _with_labels(series, running)


def _in_parts(config: Config, alias: str, series: list[Labelled], running: Running, progress: Progress) -> list[Judged]:
    if len(series) <= _SERIES_A_TASK:
        return judge(config, alias, series, progress=share_of(progress))
    parts = [series[first : first + _SERIES_A_TASK] for first in range(0, len(series), _SERIES_A_TASK)]
    calls = [(config, alias, part) for part in parts]
    done = in_processes(judge, calls, running.workers, lambda n: progress("parts replayed", n, len(calls)))
    return [one for part in done for one in part]
