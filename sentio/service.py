"""Start, reload, stop: the pipelines of a configuration, kept running."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sentio import build
from sentio.config.adapter import Adapter
from sentio.config.model import Config, LegacyNames, Pipeline
from sentio.config.redact import redact
from sentio.errors import ConfigError, StoreError
from sentio.executor import WorkerPool
from sentio.guard import GuardedSink
from sentio.runner import Runner
from sentio.scheduler import Scheduler, clock
from sentio.server import Server
from sentio.sinks.exposition import Exposition
from sentio.store import Store
from sentio.telemetry import Telemetry
from sentio.types import SECOND, State

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
    runner: Runner


class Service:
    """``load`` gives the configuration, and raises `ConfigError`; ``digest`` changes when its text does."""

    def __init__(self, load: Load, digest: Digest) -> None:
        self._load, self._digest = load, digest
        self.telemetry = Telemetry()
        self.exposition = Exposition(ttl=self._ttl, legacy=self._legacy)
        self._sinks = (GuardedSink(self.exposition, name="exposition", telemetry=self.telemetry, redact=self.redact),)
        self._scheduler = Scheduler(self.telemetry)
        self._reloading = threading.Lock()
        self._stopping = threading.Event()
        self._running: dict[str, Running] = {}
        self._config: Config | None = None
        self._tried = ""
        self._store: Store | None = None
        self._pool: WorkerPool | None = None
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
        self._tried = self._digest()
        config = self._config = self._load()
        self._accepted()
        self._store = Store(config.store.path)
        if self._store.set_aside:
            self.telemetry.set_aside.inc()
        self._pool = build.executor(config)
        for alias in config.pipelines:
            self._make(alias)
        self.telemetry.watch_ages(self._ages)
        self._web = web(self)
        self._web.start()
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
        self._scheduler.stop()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for alias, running in self._running.items():
            self._save(alias, running.runner.state)
        if self._web:
            self._web.stop()
        if self._store:
            self._store.close()

    def reload(self) -> ConfigError | None:
        """Take the configuration anew. What is refused changes nothing, and is returned."""
        with self._reloading:
            self._tried = self._digest()
            try:
                config = self._load()
            except ConfigError as error:
                self.telemetry.reload_ok.set(0)
                for problem in error.problems:
                    log.error("configuration refused: %s", problem)
                return error
            self._change_to(config)
            self._accepted()
            return None

    def _accepted(self) -> None:
        self.telemetry.reload_ok.set(1)
        self.telemetry.reload_at.set(time.time())

    def _change_to(self, config: Config) -> None:
        before, self._config = self._config, config
        if before and (before.server, before.store, before.executor) != (
            config.server,
            config.store,
            config.executor,
        ):
            log.warning("configuration: server, store and executor take effect at the next start")
        kept = {a for a, r in self._running.items() if a in config.pipelines and _same(r, config, a)}
        for alias in [a for a in self._running if a not in kept]:
            self._drop(alias, gone=alias not in config.pipelines)
        for alias in config.pipelines:
            if alias not in kept:
                self._make(alias)
                self._schedule(alias)
        self._running = {alias: self._running[alias] for alias in config.pipelines}
        log.info("configuration accepted: %d pipelines, %d of them unchanged", len(config.pipelines), len(kept))

    def _make(self, alias: str) -> None:
        config, pool = self.config, self._pool
        if pool is None:
            raise RuntimeError("the service has not been started")
        runner = build.runner(
            config,
            alias,
            executor=pool,
            sinks=self._sinks,
            telemetry=self.telemetry,
            pause=self._stopping.wait,
            save=lambda state: self._save(alias, state),
        )
        pipeline = config.pipelines[alias]
        self._running[alias] = Running(pipeline, config.sources[pipeline.source], runner)
        saved = self._saved(alias, pipeline)
        if saved is not None:
            runner.restore(saved, clock())
            log.info("pipeline %s: %d series taken from the store", alias, len(saved.keys))

    def _schedule(self, alias: str) -> None:
        running, limits = self._running[alias], build.deadlines(self.config, alias)
        runner = running.runner
        # Score first: where a saved state is at hand, its judgement need not wait for a training.
        every = running.pipeline.score_every
        self._scheduler.add_tick(alias, "score", runner.score, every=every, deadline=limits.score)
        cadence = runner.timing.train_cadence
        self._scheduler.add_tick(alias, "train", runner.train, every=cadence, deadline=limits.train)

    def _drop(self, alias: str, *, gone: bool) -> None:
        self._scheduler.remove_ticks(alias)
        running = self._running[alias]
        running.runner.stop()
        self._save(alias, running.runner.state)
        del self._running[alias]
        self.exposition.drop(alias)
        if gone:
            self.telemetry.forget(alias)

    def _saved(self, alias: str, pipeline: Pipeline) -> State | None:
        if self._store is None:
            return None
        try:
            return self._store.load(alias, build.fingerprint(pipeline))
        except StoreError as error:
            self.telemetry.set_aside.inc()
            log.warning("%s", error)
            return None

    def _save(self, alias: str, state: State) -> None:
        running = self._running.get(alias)
        if self._store is None or running is None or not state.keys:
            return
        started = time.perf_counter()
        try:
            self._store.save(alias, build.fingerprint(running.pipeline), state, clock())
        except StoreError as error:
            self.telemetry.saves.labels("failed").inc()
            log.error("%s", error)
            return
        self.telemetry.saves.labels("ok").inc()
        self.telemetry.save_seconds.observe(time.perf_counter() - started)

    def _check(self) -> None:
        if self._digest() != self._tried:
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
        return running.pipeline.ttl + running.pipeline.score_every if running else 300 * SECOND

    def _legacy(self, alias: str) -> LegacyNames | None:
        running = self._running.get(alias)
        return running.pipeline.legacy_names if running else None


def _same(running: Running, config: Config, alias: str) -> bool:
    pipeline = config.pipelines[alias]
    return running.pipeline == pipeline and running.source == config.sources[pipeline.source]
