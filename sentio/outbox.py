"""Wraps a sink, and is one: a bounded queue and a thread, so that a slow or dead receiver never delays a tick.

`GuardedSink` does the rest: deadline, retries, counting, redaction, logging what is news.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sentio.deadline import remaining, within
from sentio.guard import GuardedSink, News
from sentio.telemetry import Telemetry
from sentio.types import Report

log = logging.getLogger(__name__)

_LAST_S, _WAIT_S = 1.5, 2.0
"""Seconds for the last try of everything that is queued when Sentio ends, and for whoever waits for it."""

Select = Callable[[Report], Report]
"""What of a report the sink is told."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report, and when it came."""

    report: Report
    since: float


class Outbox:
    """A `sentio.contracts.Sink` whose `emit` returns at once.

    ``stopping`` is set by `stop`; ``sink`` pauses on it. ``bound``: reports that wait at most; of more, the oldest
    without events are let go first, then the oldest. ``every_report``: those without events are for the sink, too. The
    thread is started with the first report.
    """

    def __init__(
        self,
        sink: GuardedSink,
        stopping: threading.Event,
        *,
        telemetry: Telemetry,
        bound: int,
        select: Select = lambda report: report,
        every_report: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink, self._stopping = sink, stopping
        self.name = sink.name
        self._telemetry = telemetry
        self._bound, self._select, self._every = bound, select, every_report
        self._clock = clock
        self._queue: deque[_Waiting] = deque()
        self._under_way = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._full = News(f"sink {self.name}, queue")

    def emit(self, report: Report) -> None:
        chosen = self._select(report)
        if not chosen.events and not self._every:
            return
        with self._changed:
            if self._stopping.is_set():
                return
            self._put(_Waiting(chosen, self._clock()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"sink {self.name}", daemon=True)
                self._thread.start()
            self._changed.notify()

    def stop(self) -> None:
        """Take nothing more, and try once more what is queued, on the thread. Returns at once."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def wait(self, seconds: float) -> None:
        """After `stop`: until the thread has ended, or for so many seconds; says what is left then."""
        if self._thread is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._tell_left(self._size())

    # The queue.

    def _put(self, new: _Waiting) -> None:
        if not new.report.scores.keys:
            self._supersede(new.report.pipeline)
        self._queue.append(new)
        while len(self._queue) > self._bound:
            self._let_go()
        self._count()

    def _supersede(self, alias: str) -> None:
        """What stands now stands in the newest report; of older ones that carry no scores the events alone are left."""
        kept: deque[_Waiting] = deque()
        for waiting in self._queue:
            report = waiting.report
            if report.pipeline != alias or report.scores.keys:
                kept.append(waiting)
            elif report.events:
                kept.append(replace(waiting, report=replace(report, firing=())))
        self._queue = kept

    def _let_go(self) -> None:
        at = next((i for i, w in enumerate(self._queue) if not w.report.events), 0)
        gone = self._queue[at].report
        del self._queue[at]
        self._telemetry.sink_dropped.labels(gone.pipeline, self.name).inc()
        text = f"{self._bound} reports wait, and older ones are let go; a receiver that takes them is expected"
        self._full.bad("full", text)

    def _next(self) -> _Waiting | None:
        """The next one, as soon as there is one; None where Sentio is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping.is_set())
            return None if self._stopping.is_set() else self._taken()

    def _taken(self) -> _Waiting:
        self._under_way = 1
        return self._queue.popleft()

    def _done(self) -> None:
        with self._changed:
            self._under_way = 0
            self._count()
            if not self._queue:
                self._full.good()

    def _size(self) -> int:
        return len(self._queue) + self._under_way

    def _count(self) -> None:
        # Not at the end: the gauge is another one's then, or gone.
        if not self._stopping.is_set():
            self._telemetry.sink_queue.labels(self.name).set(self._size())

    # The thread.

    def _work(self) -> None:
        while waiting := self._next():
            if not self._deliver(waiting):
                with self._changed:
                    self._queue.appendleft(waiting)
            self._done()
        self._last_try()

    def _last_try(self) -> None:
        left = 0
        with within(_LAST_S):
            while True:
                with self._changed:
                    if not self._queue or remaining(_LAST_S) <= 0:
                        left += len(self._queue)
                        break
                    waiting = self._taken()
                left += not self._deliver(waiting)
                self._done()
        self._tell_left(left)

    def _deliver(self, waiting: _Waiting) -> bool:
        try:
            return self._sink.deliver(waiting.report, waiting.since)
        except Exception:
            # A defect of the sink's: the reports after this one must not pay for it.
            log.exception("sink %s: a report of %s could not be delivered", self.name, waiting.report.pipeline)
            self._telemetry.deliveries.labels(waiting.report.pipeline, self.name, "defect").inc()
            return True

    def _tell_left(self, left: int) -> None:
        if left:
            log.warning("sink %s: %d reports are left undelivered", self.name, left)


def close(outboxes: Sequence[Outbox]) -> None:
    """Stop all of them, with one last try of what is queued, in two seconds together."""
    for outbox in outboxes:
        outbox.stop()
    until = time.monotonic() + _WAIT_S
    for outbox in outboxes:
        outbox.wait(max(0.0, until - time.monotonic()))
