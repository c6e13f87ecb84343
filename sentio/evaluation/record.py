"""What the source of a pipeline has, read in parts; and written to a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sentio import build
from sentio.config.model import Config
from sentio.errors import EvaluationError
from sentio.tables.recording import recording
from sentio.telemetry import Telemetry
from sentio.types import Panel, Window

Progress = Callable[[str, int, int], None]
"""Hears what is done, how much of it, and of how much."""
_POINTS_AT_ONCE = 500


def share_of(progress: Progress) -> Callable[[float], None]:
    """``progress`` for who knows the share of a replay that is done, and no number."""
    return lambda share: progress("% replayed", round(100 * share), 100)


@dataclass(frozen=True, slots=True)
class Recorded:
    """How much was written."""

    series: int
    samples: int


def span(config: Config, alias: str, start: int | None, end: int) -> Window:
    """The times from ``start`` to ``end`` (ns) on the grid of the pipeline; where ``start`` is None, a training window
    and half of it."""
    pipeline = config.pipelines[alias]
    length = pipeline.train.window * 3 // 2 if start is None else end - start
    return Window.ending(end, length, pipeline.step)


def read_parts(config: Config, alias: str, window: Window, progress: Progress) -> Iterator[Panel]:
    """What the pipeline reads in ``window``, in consecutive parts. Raises `SourceError`, and `EvaluationError` for an
    answer that may be incomplete."""
    source = build.reader(config, alias, telemetry=Telemetry(), pause=time.sleep)
    query = config.pipelines[alias].query
    parts = list(window.split(_POINTS_AT_ONCE))
    for done, part in enumerate(parts, 1):
        panel = source.read(query, part)
        if panel.notes.partial:
            raise EvaluationError(
                f"{alias}: the answer may be incomplete ({panel.notes.partial}); a whole one is expected"
            )
        yield panel
        progress("parts read", done, len(parts))


def record(config: Config, alias: str, window: Window, path: Path, progress: Progress) -> Recorded:
    """Write what the pipeline reads in ``window`` to ``path``, part by part. Raises `SentioError`."""
    pipeline = config.pipelines[alias]
    with recording(path, pipeline=alias, query=pipeline.query, step=pipeline.step) as file:
        for panel in read_parts(config, alias, window, progress):
            file.add(panel)
    return Recorded(len(file.series), file.samples)
