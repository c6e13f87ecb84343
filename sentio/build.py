"""Config → running objects; the only place that constructs adapters."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from sentio import catalog
from sentio.config.adapter import Adapter
from sentio.config.model import Config, Pipeline
from sentio.config.options import Options
from sentio.config.redact import redact
from sentio.contracts import Sink, Source
from sentio.dask.pool import DaskPool
from sentio.executor import WorkerPool
from sentio.guard import GuardedSource, Pause
from sentio.pipeline import Line
from sentio.runner import Runner, Timing
from sentio.shard import OwnSeries, own_part
from sentio.telemetry import Telemetry
from sentio.types import SECOND, State

Pool = WorkerPool | DaskPool

_DAY = 86_400 * SECOND
_MINUTE = 60 * SECOND
_TIMEOUT, _RETRIES = 30 * SECOND, 3
_SLACK = 10 * SECOND
_LAYOUT = 1
"""Of a saved state; another number where the arrays of a detector change."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Nanoseconds after which a tick is abandoned."""

    train: int
    score: int


def executor(config: Config) -> Pool:
    """The pool that heavy work goes to, with what its workers should have imported; touches no network."""
    detectors = [p.detector for p in config.pipelines.values()]
    preload = dict.fromkeys(module for d in detectors for module in _said(d, "preload"))
    if not config.executor.scheduler:
        return WorkerPool(config.executor.workers, tuple(preload))
    # A worker elsewhere may lack the detector itself, or have another version of what it is made of.
    own = dict.fromkeys(catalog.resolve("detectors", d.type).__module__ for d in detectors)
    packages = dict.fromkeys(package for d in detectors for package in _said(d, "packages"))
    return DaskPool(config.executor.scheduler, (*preload, *own), tuple(packages))


def runner(
    config: Config,
    alias: str,
    *,
    executor: Executor,
    sinks: tuple[Sink, ...],
    telemetry: Telemetry,
    pause: Pause,
    save: Callable[[State], None],
    source: Source | None = None,
) -> Runner:
    """The pipeline ``alias`` of ``config``, ready to tick; touches neither network nor disk.

    ``source``: what it reads in place of the one that is configured, as when history is replayed.
    """
    pipeline = config.pipelines[alias]
    read_from = source or reader(config, alias, telemetry=telemetry, pause=pause)
    detector = catalog.resolve("detectors", pipeline.detector.type)(pipeline.detector.options, executor)
    line = Line(alias, read_from, detector, pipeline.query, pipeline.forecast.horizons)
    return Runner(line, timing(pipeline), sinks, telemetry, save)


def reader(config: Config, alias: str, *, telemetry: Telemetry, pause: Pause) -> Source:
    """What the pipeline ``alias`` reads: its source, guarded, and of its series those of this shard."""
    pipeline = config.pipelines[alias]
    block = config.sources[pipeline.source]
    secrets = config.secrets
    source: Source = GuardedSource(
        catalog.resolve("sources", block.type)(block.options),
        alias=alias,
        name=pipeline.source,
        timeout=getattr(block.options, "timeout", _TIMEOUT),
        retries=getattr(block.options, "retries", _RETRIES),
        telemetry=telemetry,
        redact=lambda text: redact(text, secrets),
        pause=pause,
    )
    if config.shard:
        source = OwnSeries(source, config.shard.index, config.shard.of)
    return source


def timing(pipeline: Pipeline) -> Timing:
    """What the configuration says of time, and what follows from it where it says nothing."""
    every = pipeline.train.every
    return Timing(
        step=pipeline.step,
        # A little more than was asked for: Prophet ties a weekly season to two weeks between the first sample and
        # the last, and a sample that is missing at the far end must not take the season away.
        window=pipeline.train.window + pipeline.train.window // 100,
        train_every=every,
        # Young series are refitted as they grow; this is how often anybody looks.
        train_cadence=min(every, max(_MINUTE, pipeline.score_every)),
        delay=pipeline.score.delay,
        ttl=pipeline.ttl,
        model_ttl=pipeline.train.ttl or max(_DAY, 3 * every),
        max_points=pipeline.train.max_points,
    )


def own(config: Config, saved: State) -> State:
    """Of a saved state the series that are this Sentio's."""
    return own_part(saved, config.shard.index, config.shard.of) if config.shard else saved


def deadlines(config: Config, alias: str) -> Deadlines:
    """A score tick has the time of its read and some; a train tick as long as the next one is away, or half an
    hour, for the first has everything to fit."""
    pipeline = config.pipelines[alias]
    timeout = getattr(config.sources[pipeline.source].options, "timeout", _TIMEOUT)
    return Deadlines(train=max(pipeline.train.every, 30 * _MINUTE), score=max(pipeline.score_every, timeout) + _SLACK)


def fingerprint(pipeline: Pipeline) -> str:
    """Equal where a saved state can be used: the same source, query, grid and detector, of the same version."""
    return hashlib.sha256(
        json.dumps(
            [
                _LAYOUT,
                pipeline.source,
                pipeline.query,
                pipeline.step,
                pipeline.train.window,
                _identity(pipeline.detector),
            ],
            sort_keys=True,
        ).encode()
    ).hexdigest()


def _identity(block: Adapter) -> list[object]:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _said(block, "packages")]
    # Without what is as by default, so that a version with more options finds the states of the last one.
    return [block.type, block.options.model_dump(mode="json", exclude_defaults=True), versions]


def _said(block: Adapter, what: str) -> tuple[str, ...]:
    """What a detector says of itself under these options; nothing where it is silent."""
    say: Callable[[Options], tuple[str, ...]] = getattr(catalog.resolve("detectors", block.type), what, lambda _: ())
    return say(block.options)
