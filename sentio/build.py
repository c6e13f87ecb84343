"""Config → running objects; the only place that constructs adapters."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from sentio import catalog
from sentio.alerting import Alerting
from sentio.config.adapter import Adapter
from sentio.config.delivery import Delivery
from sentio.config.model import Config, Pipeline
from sentio.config.options import Options
from sentio.config.redact import redact
from sentio.contracts import Detector, Forecaster, Sink, Source
from sentio.dask.pool import DaskPool
from sentio.executor import WorkerPool
from sentio.guard import GuardedSink, GuardedSource, Pause, SparseSource
from sentio.journal import Journal
from sentio.judgement.judge import Judge
from sentio.outbox import Outbox
from sentio.pipeline import Line
from sentio.runner import Runner
from sentio.selection import Selection
from sentio.shard import OwnSeries, own_part
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.timing import Timing
from sentio.types import SECOND

Pool = WorkerPool | DaskPool

_DAY = 86_400 * SECOND
_MINUTE = 60 * SECOND
_WIDTH = 0.99
_TIMEOUT, _RETRIES = 30 * SECOND, 3
_RETRY_FOR = 3600 * SECOND
_ALERT_REPORTS, _WHOLE_REPORTS = 1000, 100
"""Reports that wait for a sink at most: those of alerts alone are small."""
_SLACK = 10 * SECOND
_LAYOUT = 1
"""Of a saved state; another number where the arrays of a detector change."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Nanoseconds after which a tick is abandoned."""

    train: int
    score: int


@dataclass(frozen=True, slots=True)
class Receiver:
    """One address that a sink delivers to; ``name`` is the sink's, with a number where it has several."""

    name: str
    sink: Sink
    options: Options

    @property
    def timeout(self) -> int:
        """Nanoseconds for one attempt."""
        return int(getattr(self.options, "timeout", _TIMEOUT))


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

    ``source``: what it reads in place of the one that is configured, as when history is replayed; ``exclude_when`` is
    not read then.
    """
    pipeline = config.pipelines[alias]
    read_from = source or reader(config, alias, telemetry=telemetry, pause=pause)
    detector = catalog.resolve("detectors", pipeline.detector.type)(pipeline.detector.options, executor)
    when = None
    if pipeline.judgement.exclude_when and source is None:
        when = _when(config, alias, telemetry=telemetry, pause=pause)
    every_step = any(getattr(detector, said, False) for said in ("learns_as_it_goes", "learns_from_every_step"))
    return Runner(
        line(alias, pipeline, read_from, detector, when),
        timing(pipeline, every_step=every_step),
        sinks,
        telemetry,
        save,
    )


def line(alias: str, pipeline: Pipeline, source: Source, detector: Detector, when: Source | None = None) -> Line:
    """What ``pipeline`` is made of, with this source and this detector."""
    width = getattr(pipeline.detector.options, "interval_width", _WIDTH)
    policy = pipeline.judgement.policy(width, pipeline.timezone, forecasts=isinstance(detector, Forecaster))
    return Line(
        alias, source, detector, pipeline.query, pipeline.forecast.horizons,
        judge=Judge(policy, pipeline.step),
        alerting=Alerting(pipeline.alerts.rules()), step=pipeline.step,
        exclusion=pipeline.judgement.exclusion(pipeline.timezone), when=when, every=pipeline.score_every,
    )  # fmt: skip


def idle(pipeline: Pipeline, line: Line) -> str:
    """What of the judgement of ``pipeline`` has no effect on this ``line``, and why; empty where all has."""
    judged, forecasts = line.judge.policy.enabled, isinstance(line.detector, Forecaster)
    names = pipeline.judgement.idle(judged=judged, forecasts=forecasts)
    if not names:
        return ""
    where = ", ".join(f"judgement.{name}" for name in names)
    if judged:
        why = f"{pipeline.detector.type} does not forecast; a detector that does"
    elif pipeline.judgement.enabled is False:
        why = "judgement.enabled is false; true"
    else:
        why = f"{pipeline.detector.type} has a rule of its own; judgement.enabled: true"
    return f"{where}: without effect, since {why} is expected"


def nominal_coverage(line: Line) -> float | None:
    """The share of samples that its calibrated band is to hold; None where there is no such band."""
    policy = line.judge.policy
    return policy.interval_width if policy.enabled and isinstance(line.detector, Forecaster) else None


def reader(config: Config, alias: str, *, telemetry: Telemetry, pause: Pause) -> Source:
    """What the pipeline ``alias`` reads: its source, guarded, and of its series those of this shard."""
    name = config.pipelines[alias].source
    source = _guarded(_adapter(config, name), config, alias, name, telemetry, pause)
    if config.shard:
        source = OwnSeries(source, config.shard.index, config.shard.of)
    return source


def _when(config: Config, alias: str, *, telemetry: Telemetry, pause: Pause) -> Source:
    """The same source for the query of ``exclude_when``. Every shard reads all of that, and its failures are told
    apart from those of the pipeline's own query."""
    name = config.pipelines[alias].source
    return _guarded(SparseSource(_adapter(config, name)), config, alias, f"{name} exclude_when", telemetry, pause)


def _adapter(config: Config, name: str) -> Source:
    block = config.sources[name]
    source: Source = catalog.resolve("sources", block.type)(block.options)
    return source


def _guarded(source: Source, config: Config, alias: str, name: str, telemetry: Telemetry, pause: Pause) -> Source:
    options, secrets = config.sources[config.pipelines[alias].source].options, config.secrets
    return GuardedSource(
        source,
        alias=alias,
        name=name,
        timeout=getattr(options, "timeout", _TIMEOUT),
        retries=getattr(options, "retries", _RETRIES),
        telemetry=telemetry,
        redact=lambda text: redact(text, secrets),
        pause=pause,
    )


def receivers(config: Config, name: str) -> list[Receiver]:
    """The sink ``name`` of ``config``, for each of its receivers by itself; touches neither network nor disk."""
    block = config.sinks[name]
    made = catalog.resolve("sinks", block.type)
    parts = block.options.apart() if isinstance(block.options, Delivery) else (block.options,)
    names = [f"{name}[{i}]" for i in range(len(parts))] if len(parts) > 1 else [name]
    return [Receiver(label, made(options), options) for label, options in zip(names, parts, strict=True)]


def outboxes(config: Config, name: str, telemetry: Telemetry, journal: Journal | None = None) -> tuple[Outbox, ...]:
    """An outbox in front of each receiver of the sink ``name``; what waits for one of alerts is in ``journal``, too."""
    return tuple(_outbox(receiver, config.secrets, telemetry, journal) for receiver in receivers(config, name))


def _outbox(receiver: Receiver, secrets: frozenset[str], telemetry: Telemetry, journal: Journal | None) -> Outbox:
    stopping, options = threading.Event(), receiver.options
    guarded = GuardedSink(
        receiver.sink,
        name=receiver.name,
        telemetry=telemetry,
        redact=lambda text: redact(text, secrets),
        timeout=receiver.timeout,
        retry_for=getattr(options, "retry_for", _RETRY_FOR),
        pause=stopping.wait,
    )
    if not isinstance(options, Delivery):
        return Outbox(guarded, stopping, telemetry=telemetry, bound=_WHOLE_REPORTS)
    every = getattr(receiver.sink, "every_report", False)
    # One that is told what stands has to know what does not any more.
    select = Selection(options.least, resolved=options.send_resolved or every)
    return Outbox(
        guarded, stopping, telemetry=telemetry, bound=_ALERT_REPORTS, select=select, every_report=every, journal=journal
    )


def timing(pipeline: Pipeline, *, every_step: bool = False) -> Timing:
    """What the configuration says of time, and what follows from it where it says nothing.

    ``every_step``: the detector has to learn from samples as near as those that it judges, because it goes on learning
    from them, or because of what it makes of neighbours; so the window is as long as the grid can tell every step of.
    """
    every = pipeline.train.every
    # A little more than was asked for: Prophet ties a weekly season to two weeks between the first sample and the
    # last, and a sample that is missing at the far end must not take the season away.
    window = pipeline.train.window + pipeline.train.window // 100
    return Timing(
        step=pipeline.step,
        window=min(window, pipeline.train.max_points * pipeline.step) if every_step else window,
        train_every=every,
        # Young series are refitted as they grow; this is how often anybody looks.
        train_cadence=min(every, max(_MINUTE, pipeline.score_every)),
        delay=pipeline.score.delay,
        ttl=pipeline.awaited,
        model_ttl=pipeline.train.ttl or max(_DAY, 3 * every),
        max_points=pipeline.train.max_points,
    )


def own(config: Config, saved: State) -> State:
    """Of a saved state the series that are this Sentio's."""
    return own_part(saved, config.shard.index, config.shard.of) if config.shard else saved


def deadlines(config: Config, alias: str) -> Deadlines:
    """A score tick has the time of its reads and some; a train tick as long as the next one is away, or half an
    hour, for the first has everything to fit."""
    pipeline = config.pipelines[alias]
    timeout = getattr(config.sources[pipeline.source].options, "timeout", _TIMEOUT)
    timeout *= 2 if pipeline.judgement.exclude_when else 1
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
