"""The sinks of a configuration at work, over its reloads and over the end of the process: what of them goes on, which
are each pipeline's, and what waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sentio import build
from sentio.alerting import remembering
from sentio.config.adapter import Adapter
from sentio.config.model import Config
from sentio.contracts import Sink
from sentio.farewell import farewell
from sentio.journal import Entry, Journal
from sentio.outbox import Outbox
from sentio.reports import Report
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.types import Array, Keys

log = logging.getLogger(__name__)

_TO = "@to"
"""Beside what was told: the names of the outboxes that it was told to, a line each."""


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

    def end_removed(self, now: int) -> None:
        """Tell the ends of the alerts of pipelines that were taken out while Sentio was down, as a reload tells them:
        of this Sentio's series, and those who heard of them."""
        config, journal = self._config, self.journal
        if config is None or journal is None:
            return
        for alias, alerts in journal.all_alerts().items():
            if alias in config.pipelines:
                continue
            if report := farewell(alias, build.own(config, alerts), now):
                heard = _heard(alerts)
                _tell(report, [box for box in self.boxes if box.name in heard], journal)


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
        _tell(report, list(self.boxes(self.alias)), self.journal)


def _tell(report: Report, boxes: list[Outbox], journal: Journal | None) -> None:
    """Queue ``report``, and write what that changes."""
    entry = Entry()
    if report.alerts.arrays:
        before = journal.alerts(report.pipeline) if journal else None
        known = remembering(report.alerts, report.scores.keys, report.events, before, report.at)
        entry.alerts[report.pipeline] = State(
            known.keys, {**known.arrays, _TO: _told(report, known.keys, boxes, before)}
        )
    for box in boxes:
        box.take(report, entry)
    if journal:
        journal.write(entry)


def _told(report: Report, keys: Keys, boxes: list[Outbox], before: State | None) -> Array:
    """``[S]`` the names of the outboxes that were told of ``keys``: these, where ``report`` tells of them, or those of
    ``before``."""
    names = "\n".join(box.name for box in boxes)
    former = dict(zip(before.keys, before[_TO].tolist(), strict=True)) if before and _TO in before.arrays else {}
    for event in report.events:
        former.pop(event.key, None)
    return np.array([former.get(key, names) for key in keys], np.str_)


def _heard(alerts: State) -> set[str]:
    """The names of the outboxes that were told of ``alerts``."""
    return {name for names in set(alerts.arrays.get(_TO, np.empty(0)).tolist()) for name in names.split("\n")}
