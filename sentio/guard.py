"""Wraps a source or a sink, and is one: one deadline, bounded retries, counting, redaction, once for all.

Adapters only raise. What they raise is retried here unless it is permanent, counted under its bounded reason,
and logged when it is news: a failure that goes on for an hour is one line, and so is its end.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from sentio.contracts import Sink, Source
from sentio.deadline import remaining, within
from sentio.errors import SinkError, SourceError
from sentio.reports import Report
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Panel, Window

log = logging.getLogger(__name__)

Redact = Callable[[str], str]
Pause = Callable[[float], object]
"""Waits for so many seconds, or less when Sentio is to stop; what it gives is true then."""

_BACKOFF = (0.25, 0.5, 1.0, 2.0, 5.0)
_SINK_BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_NEVER = float("inf")
_LONGEST_PAUSE_S = 900.0


class News:
    """Says a text once, until it changes or is over."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._said = ""
        self._lock = threading.Lock()  # both ticks of a pipeline read at once

    def bad(self, reason: str, text: str) -> None:
        with self._lock:
            if reason != self._said:
                log.warning("%s: %s", self._where, text)
                self._said = reason

    def good(self) -> None:
        with self._lock:
            if self._said:
                log.info("%s: works again", self._where)
                self._said = ""


class GuardedSource:
    """A `Source` whose reads end within ``timeout`` nanoseconds, with up to ``retries`` further attempts."""

    def __init__(
        self,
        source: Source,
        *,
        alias: str,
        name: str,
        timeout: int,
        retries: int,
        telemetry: Telemetry,
        redact: Redact,
        pause: Pause = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._alias, self._name = alias, name
        self._timeout, self._retries = timeout / SECOND, retries
        self._telemetry = telemetry
        self._redact = redact
        self._pause = pause
        self._clock = clock
        self._not_before, self._asked = 0.0, ""
        self._news = News(f"pipeline {alias}, source {name}")
        self._partial = News(f"pipeline {alias}, source {name}, whole answers")
        self._single = News(f"pipeline {alias}, source {name}, single series")

    def read(self, query: str, window: Window) -> Panel:
        t = self._telemetry
        up = t.datasource_up.labels(self._alias, self._name)
        started = time.perf_counter()
        try:
            self._keep_off()
            with within(self._timeout):
                panel = self._attempts(query, window)
        except SourceError as error:
            text = self._redact(str(error))
            t.reads.labels(self._alias, error.reason).inc()
            up.set(0)
            self._news.bad(error.reason, text)
            raise SourceError(
                text, reason=error.reason, permanent=error.permanent, retry_after=error.retry_after
            ) from error
        finally:
            t.read_seconds.labels(self._alias).observe(time.perf_counter() - started)
        t.reads.labels(self._alias, "ok").inc()
        up.set(1)
        self._news.good()
        self._count(panel)
        return panel

    def _keep_off(self) -> None:
        """Raises `SourceError` as long as the server wants to be left alone."""
        left = self._not_before - self._clock()
        if left > 0:
            text = f"{self._asked}; for another {math.ceil(left)} s it is not asked"
            raise SourceError(text, reason="throttled", retry_after=left)

    def _gone_off(self, error: SourceError) -> None:
        """Keep a pause that outlasts the read. Bounded: a server must not end the pipeline with one header."""
        if error.retry_after:
            self._asked = str(error)
            self._not_before = self._clock() + min(error.retry_after, _LONGEST_PAUSE_S)

    def _attempts(self, query: str, window: Window) -> Panel:
        for attempt in range(self._retries + 1):
            try:
                return self._source.read(query, window)
            except SourceError as error:
                wait = max(error.retry_after or 0, _BACKOFF[min(attempt, len(_BACKOFF) - 1)])
                if error.permanent or attempt == self._retries or wait >= remaining(self._timeout):
                    self._gone_off(error)
                    raise
            self._telemetry.read_retries.labels(self._alias).inc()
            self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _count(self, panel: Panel) -> None:
        t, notes = self._telemetry, panel.notes
        t.read_bytes.labels(self._alias).inc(notes.size)
        t.dropped.labels(self._alias).inc(notes.dropped)
        if notes.partial:
            t.partial.labels(self._alias).inc()
            self._partial.bad("partial", f"partial answer, not trained on: {self._redact(notes.partial)}")
        else:
            self._partial.good()
        for failure in notes.failures:
            t.series_failures.labels(self._alias, failure.reason).inc(failure.count)
        if notes.failures:
            first, reasons = notes.failures[0], sorted({f.reason for f in notes.failures})
            text = f"{sum(f.count for f in notes.failures)} could not be read; the first, {first.where}: {first.text}"
            self._single.bad(" ".join(reasons), self._redact(text))
        elif panel.keys:
            self._single.good()


class SparseSource:
    """A `Source` of answers that are mostly empty: a metric that the server does not have yet is no failure there."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, query: str, window: Window) -> Panel:
        panel = self._source.read(query, window)
        failures = tuple(f for f in panel.notes.failures if f.reason != "unknown_metric")
        return replace(panel, notes=replace(panel.notes, failures=failures))


class Conditions:
    """A `Sink` that says which conditions of a pipeline's alerts hold nowhere, for they name what no detector says."""

    def __init__(self, alias: str, telemetry: Telemetry) -> None:
        self._alias, self._telemetry = alias, telemetry
        self._news = News(f"pipeline {alias}, alerts")

    def emit(self, report: Report) -> None:
        vain = [failure for failure in report.failures if failure.reason == "unknown_output" and failure.count]
        for failure in vain:
            self._telemetry.series_failures.labels(self._alias, failure.reason).inc(failure.count)
        if vain:
            self._news.bad("unknown_output", "; ".join(f"{failure.where}: {failure.text}" for failure in vain))
        elif len(report.scores.keys):
            self._news.good()


class GuardedSink:
    """A `Sink` whose failures are counted and logged, and never reach the tick.

    Each attempt ends within ``timeout`` nanoseconds, and there are further ones for ``retry_for`` nanoseconds from when
    the report was made: the caller's thread waits for them (`sentio.outbox` has one of its own). ``begun`` seconds, on
    ``clock``, is when that was, where it was not just now.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        name: str,
        telemetry: Telemetry,
        redact: Redact,
        timeout: int | None = None,
        retry_for: int = 0,
        backoff: Sequence[float] = _SINK_BACKOFF,
        pause: Pause = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink = sink
        self.name = name
        self._telemetry = telemetry
        self._redact = redact
        self._timeout = _NEVER if timeout is None else timeout / SECOND
        self._retry_for = retry_for / SECOND
        self._backoff = backoff
        self._pause, self._clock = pause, clock
        self._news: dict[str, News] = {}
        self._giving_up: set[str] = set()

    def emit(self, report: Report) -> None:
        self.deliver(report, self._clock())

    def too_late(self, begun: float) -> bool:
        """Whether the time for a report of ``begun`` is over."""
        return self._clock() > begun + self._retry_for

    def deliver(self, report: Report, begun: float) -> bool:
        """Whether that was the end of it: delivered, or given up. False where Sentio is to stop before."""
        alias = report.pipeline
        try:
            done = self._attempts(report, begun + self._retry_for)
        except SinkError as error:
            self._telemetry.deliveries.labels(alias, self.name, error.reason).inc()
            self._bad(alias, error)
            self._gave_up(alias, error)
            return True
        if done:
            self._telemetry.deliveries.labels(alias, self.name, "ok").inc()
            self._news_of(alias).good()
            self._giving_up.discard(alias)
        return done

    def _gave_up(self, alias: str, error: SinkError) -> None:
        """The first of an outage is news; those after it are counted."""
        if self._retry_for and not error.permanent and alias not in self._giving_up:
            self._giving_up.add(alias)
            log.warning("pipeline %s, sink %s: a report is given up after %g s", alias, self.name, self._retry_for)

    def _attempts(self, report: Report, until: float) -> bool:
        for attempt in count():
            try:
                with within(self._timeout):
                    self._sink.emit(report)
                return True
            except SinkError as error:
                wait = max(
                    min(error.retry_after or 0.0, _LONGEST_PAUSE_S), self._backoff[min(attempt, len(self._backoff) - 1)]
                )
                if error.permanent or self._clock() + wait > until:
                    raise
                # Said at the first failure: an hour later it would be no news.
                self._bad(report.pipeline, error)
            if self._pause(wait):
                return False
            self._telemetry.sink_retries.labels(report.pipeline, self.name).inc()
        raise AssertionError("the last attempt returns or raises")

    def _bad(self, alias: str, error: SinkError) -> None:
        self._news_of(alias).bad(error.reason, self._redact(str(error)))

    def _news_of(self, alias: str) -> News:
        return self._news.setdefault(alias, News(f"pipeline {alias}, sink {self.name}"))
