"""Start, reload, stop: the pipelines of a configuration, kept running."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sentio import build
from sentio.claim import Claim
from sentio.config.adapter import Adapter
from sentio.config.model import Config, LegacyNames, Pipeline, Shard
from sentio.config.redact import redact
from sentio.errors import ConfigError, SentioError
from sentio.guard import Conditions, GuardedSink
from sentio.journal import Journal, beside
from sentio.keeper import Keeper
from sentio.outbox import close
from sentio.outlets import Fanout, Outlets
from sentio.runner import STOP_S, Runner
from sentio.scheduler import Scheduler, clock
from sentio.server import Server
from sentio.sinks.exposition import Exposition
from sentio.state import State
from sentio.store import Store
from sentio.telemetry import Telemetry
from sentio.types import SECOND

log = logging.getLogger(__name__)

_CHECK_EVERY_S = 30.0
_QUEUE_EVERY_S = 5.0


Load = Callable[[], Config]
Digest = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Running:
    """A pipeline at work, with what it was made from."""

    pipeline: Pipeline
    source: Adapter
    shard: Shard | None
    runner: Runner
    keeper: Keeper


class Service:
    """``load`` gives the configuration, and raises `ConfigError`; ``digest`` changes when its text does."""

    def __init__(self, load: Load, digest: Digest) -> None:
        self._load, self._digest = load, digest
        self.telemetry = Telemetry()
        self.exposition = Exposition(ttl=self._ttl, legacy=self._legacy)
        self._page = GuardedSink(self.exposition, name="exposition", telemetry=self.telemetry, redact=self.redact)
        self._outlets = Outlets(self.telemetry)
        self._scheduler = Scheduler(self.telemetry)
        self._reloading = threading.Lock()
        self._stopping = threading.Event()
        self._running: dict[str, Running] = {}
        self._config: Config | None = None
        self._tried = ""
        self._claim: Claim | None = None
        self._store: Store | None = None
        self._journal: Journal | None = None
        self._pool: build.Pool | None = None
        self._web: Server | None = None
        self.ready = False

    @property
    def config(self) -> Config:
        """What is in force. Only once started."""
        if self._config is None:
            raise RuntimeError("the service has not been started")
        return self._config

    def runners(self) -> list[Runner]:
        """The pipelines, in the order of the configuration."""
        return [r.runner for r in list(self._running.values())]

    def redact(self, text: str) -> str:
        return redact(text, self._config.secrets) if self._config else text

    def start(self, web: Callable[[Service], Server]) -> Server:
        """Raises `ConfigError`, `StoreError`, and `sentio.server.ServerError` for an address that is taken."""
        self._tried = self._text()
        config = self._config = self._load()
        self._accepted()
        self._tell_shard()
        self._claim = Claim(config.store.path)
        self._store = Store(config.store.path)
        if self._store.set_aside:
            self.telemetry.set_aside.inc()
        self._store.let_go(config.pipelines, clock())
        self._journal = self._outlets.journal = beside(config.store.path, self.telemetry)
        self._pool = build.executor(config)
        self._outlets.use(config, self._outlets.made(config))
        self._outlets.resume(clock())
        for alias in config.pipelines:
            self._running[alias] = self._make(config, alias)
            self._restore(alias)
        self.telemetry.watch_ages(self._ages)
        self._web = web(self)
        self._web.start()
        self._outlets.end_removed(clock())
        for alias in config.pipelines:
            self._schedule(alias)
        self._scheduler.add_chore("reload", self._check, _CHECK_EVERY_S)
        self._scheduler.add_chore("queue", self._count_queue, _QUEUE_EVERY_S)
        self._scheduler.start()
        self.ready = True
        log.info("%d pipelines, listening on %s", len(config.pipelines), self._web.address)
        return self._web

    def stop(self) -> None:
        """Take no more ticks, save what is known, close everything; a few seconds at most."""
        self.ready = False
        self._stopping.set()
        with contextlib.ExitStack() as closing:  # each of them, whatever becomes of the others
            if self._claim:
                closing.callback(self._claim.release)
            if self._store:
                closing.callback(self._store.close)
            if self._journal:
                closing.callback(self._journal.close)
            boxes = self._outlets.boxes
            closing.callback(close, boxes)
            if self._web:
                closing.callback(self._web.stop)
            for alias, running in list(self._running.items()):
                closing.callback(self._close, alias, running)
            if self._pool:
                closing.callback(self._pool.shutdown, wait=False, cancel_futures=True)
            self._scheduler.stop()
            self._stop_runners()  # an alert that began now would have no queue to go to
            for box in boxes:
                box.stop()  # on threads of their own: meanwhile the rest is saved and closed

    def _stop_runners(self) -> None:
        """All at once: where the ticks of many hang, that is not to add up."""
        runners, until = self.runners(), time.monotonic() + STOP_S
        for runner in runners:
            runner.stop(0.0)
        for runner in runners:
            runner.stop(max(0.0, until - time.monotonic()))

    def reload(self) -> ConfigError | None:
        """Take the configuration anew. What is refused changes nothing, and is returned."""
        with self._reloading:
            self._tried = self._text()
            try:
                self._change_to(self._load())
            except ConfigError as error:
                return self._refused(error)
            except Exception as error:
                # A defect of ours, or of an adapter: the pipelines at work must not pay for it.
                log.exception("configuration: it could not be taken")
                why = f"configuration: it could not be taken ({type(error).__name__}); the log says where"
                return self._refused(ConfigError(why))
            self._accepted()
            return None

    def _text(self) -> str:
        """The digest; empty where the text cannot be read, for `load` says what is wrong with it."""
        try:
            return self._digest()
        except OSError:
            return ""

    def _refused(self, error: ConfigError) -> ConfigError:
        self.telemetry.reload_ok.set(0)
        for problem in error.problems:
            log.error("configuration refused: %s", problem)
        return error

    def _accepted(self) -> None:
        self.telemetry.reload_ok.set(1)
        self.telemetry.reload_at.set(time.time())

    def _change_to(self, config: Config) -> None:
        before = self.config
        kept = {a for a, r in self._running.items() if a in config.pipelines and _same(r, config, a)}
        # First what may fail, while all is as it was.
        made = {alias: self._make(config, alias) for alias in config.pipelines if alias not in kept}
        outlets = self._outlets.made(config)
        if (before.server, before.store, before.executor) != (config.server, config.store, config.executor):
            log.warning("configuration: server, store and executor take effect at the next start")
        for alias in [a for a in self._running if a not in config.pipelines]:
            self._drop(alias, ended=True)
        self._config = config
        self._outlets.use(config, outlets)
        self._tell_shard()
        for alias in [a for a in self._running if a not in kept]:
            self._drop(alias)
        for alias, running in made.items():
            self._running[alias] = running
            self._restore(alias)
            self._schedule(alias)
        self._running = {alias: self._running[alias] for alias in config.pipelines}
        log.info("configuration accepted: %d pipelines, %d of them unchanged", len(config.pipelines), len(kept))

    def _tell_shard(self) -> None:
        self.telemetry.shard.clear()
        if shard := self.config.shard:
            self.telemetry.shard.labels(str(shard.index), str(shard.of)).set(1)

    def _make(self, config: Config, alias: str) -> Running:
        """The pipeline ``alias`` of ``config``, which need not be in force yet; changes nothing."""
        if self._pool is None or self._store is None:
            raise RuntimeError("the service has not been started")
        pipeline = config.pipelines[alias]
        keeper = Keeper(alias, build.fingerprint(pipeline), self._store, self.telemetry)
        runner = build.runner(
            config,
            alias,
            executor=self._pool,
            sinks=(Fanout(alias, self._page, self._outlets.of, self._journal), Conditions(alias, self.telemetry)),
            telemetry=self.telemetry,
            pause=self._stopping.wait,
            save=keeper.save,
        )
        if idle := build.idle(pipeline, runner.line):
            log.warning("pipeline %s: %s", alias, idle)
        return Running(pipeline, config.sources[pipeline.source], config.shard, runner, keeper)

    def _restore(self, alias: str) -> None:
        running = self._running[alias]
        saved = running.keeper.load() or State(())
        own, alerts = build.own(self.config, saved), self._told(running.runner)
        if not saved.keys and alerts is None:
            return
        try:
            running.runner.restore(own, clock(), alerts)
        except Exception as error:  # noqa: BLE001 # of arrays of another layout, or whatever a detector raises
            running.keeper.misfit(error)
            # Another runner: this one may hold the state already.
            self._running[alias] = self._make(self.config, alias)
            self._begin_anew(alias, alerts)
            return
        if own.keys:
            log.info("pipeline %s: %d series taken from the store", alias, len(own.keys))
        if len(own.keys) < len(saved.keys):
            log.info("pipeline %s: %d series are another shard's now", alias, len(saved.keys) - len(own.keys))

    def _begin_anew(self, alias: str, alerts: State | None) -> None:
        """With the ``alerts`` alone. A detector that raises without a model, too, does so at each tick, where it is
        told: the other pipelines are not to pay for it."""
        try:
            self._running[alias].runner.restore(State(()), clock(), alerts)
        except Exception:
            log.exception("pipeline %s: nothing of it could be published at the start", alias)

    def _told(self, runner: Runner) -> State | None:
        """What the journal has of the alerts of this Sentio's series. None where that is as in the store; of no series
        where it is lost: an alert that comes twice is better than one that never came."""
        alias, journal = runner.line.alias, self._journal
        if journal.lost(alias) if journal else not self.ready:
            return runner.line.alerting.blank(())
        alerts = journal.alerts(alias) if journal else None
        return None if alerts is None else build.own(self.config, alerts)

    def _schedule(self, alias: str) -> None:
        running, limits = self._running[alias], build.deadlines(self.config, alias)
        if width := build.nominal_coverage(running.runner.line):
            self.telemetry.nominal_coverage.labels(alias).set(width)
        runner = running.runner
        # Score first: where a saved state is at hand, its judgement need not wait for a training.
        every = running.pipeline.score_every
        self._scheduler.add_tick(alias, "score", runner.score, every=every, deadline=limits.score)
        cadence = runner.timing.train_cadence
        self._scheduler.add_tick(
            alias,
            "train",
            runner.train,
            every=cadence,
            deadline=limits.train,
            late_after=runner.timing.train_every,
        )

    def _drop(self, alias: str, *, ended: bool = False) -> None:
        """``ended``: it is no more; else another takes its place."""
        self._scheduler.remove_ticks(alias)
        running = self._running[alias]
        running.runner.stop()
        self._close(alias, running)
        if ended:
            running.runner.end(clock())
        del self._running[alias]
        self.exposition.drop(alias)
        # Of a pipeline that comes back changed, too: its source may have another name.
        self.telemetry.forget(alias)

    def _close(self, alias: str, running: Running) -> None:
        try:
            running.keeper.close(self._last(alias, running.runner))
        except Exception:
            # Whatever it is: the others are to be saved, and all is to be closed.
            log.exception("pipeline %s: its state could not be saved", alias)

    def _last(self, alias: str, runner: Runner) -> State:
        """What is to be saved at the end; nothing where a tick hangs."""
        try:
            return runner.snapshot()
        except SentioError as error:
            log.error("pipeline %s: its state is not saved once more (%s)", alias, error)
            return State(())

    def _check(self) -> None:
        if self._text() != self._tried:
            log.info("configuration: its text has changed")
            self.reload()

    def _count_queue(self) -> None:
        if self._pool:
            self.telemetry.queue.set(self._pool.pending)

    def _ages(self) -> Iterable[tuple[str, float | None, float | None]]:
        now = clock()
        return [(r.line.alias, *r.ages(now)) for r in self.runners()]

    def _ttl(self, alias: str) -> int:
        running = self._running.get(alias)
        return running.pipeline.awaited + running.pipeline.score_every if running else 300 * SECOND

    def _legacy(self, alias: str) -> LegacyNames | None:
        running = self._running.get(alias)
        return running.pipeline.legacy_names if running else None


def _same(running: Running, config: Config, alias: str) -> bool:
    pipeline = config.pipelines[alias]
    source = config.sources[pipeline.source]
    # Where its reports go is looked up for each: no pipeline has to begin anew for that.
    before = running.pipeline.model_copy(update={"sinks": pipeline.sinks})
    return (before, running.source, running.shard) == (pipeline, source, config.shard)
