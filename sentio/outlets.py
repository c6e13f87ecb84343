"""The sinks of a configuration at work, over its reloads and over the end of the process: what of them goes on, which
are each pipeline's, and what waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sentio import build
from sentio.alerting import told
from sentio.config.adapter import Adapter
from sentio.config.model import Config
from sentio.contracts import Sink
from sentio.journal import Entry, Journal
from sentio.outbox import Outbox
from sentio.telemetry import Telemetry
from sentio.types import Report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outlet:
    """A sink at work, an outbox for each of its receivers, with what it was made from."""

    block: Adapter
    outboxes: tuple[Outbox, ...]


class Outlets:
    """Those of the configuration that is in force; none before the first is."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.journal: Journal | None = None
        """Where what waits for them is written down, if there is one; to be given before the first are made."""
        self._config: Config | None = None
        self._outlets: dict[str, Outlet] = {}

    @property
    def boxes(self) -> list[Outbox]:
        """All of them."""
        return _boxes(self._outlets)

    def of(self, alias: str) -> list[Outbox]:
        """Those of the pipeline ``alias``, as the configuration in force says."""
        config, outlets = self._config, self._outlets  # a reload puts others in their place
        names = config.sinks_of(alias) if config and alias in config.pipelines else ()
        return [box for name in names if name in outlets for box in outlets[name].outboxes]

    def made(self, config: Config) -> dict[str, Outlet]:
        """The sinks of ``config``, which need not be in force yet: the one at work where nothing of it changed, for it
        keeps what is queued. Changes nothing."""
        kept = {name: outlet for name, outlet in self._outlets.items() if outlet.block == config.sinks.get(name)}
        return {name: kept.get(name) or self._new(config, name) for name in config.sinks}

    def _new(self, config: Config, name: str) -> Outlet:
        return Outlet(config.sinks[name], build.outboxes(config, name, self._telemetry, self.journal))

    def use(self, config: Config, made: dict[str, Outlet]) -> None:
        """``config`` is in force, and these are `made` of it. What is gone or changed tries once more what it has, on
        its own threads; then one that has changed hands over what is left, and one that is gone lets go of it."""
        before = {box.name: box for box in self.boxes}
        after = {box.name: box for box in _boxes(made)}
        self._config, self._outlets = config, made
        for name, box in before.items():
            if name not in after:
                box.retire()
                self._telemetry.forget_sink(name)
            elif after[name] is not box:
                after[name].follow(box)
        for alias in config.pipelines:
            for box in self.of(alias):
                self._telemetry.begin_sink(alias, box.name)

    def resume(self, now: int) -> None:
        """Have the sinks try what waited when Sentio ended."""
        if self.journal is None:
            return
        waiting: dict[str, list[tuple[int, Report]]] = {}
        for number, post in self.journal.waiting().items():
            waiting.setdefault(post.sink, []).append((number, post.report))
        for box in self.boxes:
            box.resume(waiting.pop(box.name, ()), now)
        for sink, posts in waiting.items():
            log.warning("sink %s: %d reports waited for it, and are dropped, for the sink is gone", sink, len(posts))
            for _, report in posts:
                self._telemetry.sink_dropped.labels(report.pipeline, sink).inc()
            self.journal.write(Entry(gone={number for number, _ in posts}))


def _boxes(outlets: dict[str, Outlet]) -> list[Outbox]:
    return [box for outlet in outlets.values() for box in outlet.outboxes]


@dataclass(frozen=True, slots=True)
class Fanout:
    """A `sentio.contracts.Sink` of one pipeline: the page, and all that are its own when a report is made, whatever a
    reload does. What a report changes of alerts and queues is written at once."""

    alias: str
    page: Sink
    boxes: Callable[[str], Iterable[Outbox]]
    journal: Journal | None

    def emit(self, report: Report) -> None:
        self.page.emit(report)
        entry = Entry({self.alias: told(report.alerts)} if report.alerts.arrays else {})
        for box in self.boxes(self.alias):
            box.take(report, entry)
        if self.journal:
            self.journal.write(entry)
