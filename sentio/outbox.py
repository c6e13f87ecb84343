"""Wraps a sink, and is one: a bounded queue and a thread, so that a slow or dead receiver never delays a tick.

`GuardedSink` does the rest: deadline, retries, counting, redaction, logging what is news. `Journal` has what waits of
alerts, too, so that it outlives a kill.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sentio.deadline import remaining, within
from sentio.guard import GuardedSink, News
from sentio.journal import Entry, Journal, Post
from sentio.reports import Report
from sentio.telemetry import Telemetry
from sentio.types import SECOND

log = logging.getLogger(__name__)

_LAST_S, _WAIT_S = 1.5, 2.0
"""Seconds for the last try of everything that is queued when Sentio ends, and for whoever waits for it."""
_WRITTEN_S = 5.0
"""A message is sent once it is on the disk; where the disk hangs, so long after it came all the same."""
_HANDED_OVER_S = 5.0
"""For one that is stopped to end, before its successor takes what it has."""

Select = Callable[[Report], Report]
"""What of a report the sink is told."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report, and when it came. ``number`` in the journal, 0 where it is not there; ``written`` once it is."""

    report: Report
    since: float
    number: int = 0
    written: threading.Event | None = None


class Outbox:
    """A `sentio.contracts.Sink` whose `emit` returns at once.

    ``stopping`` is set by `stop`; ``sink`` pauses on it. ``bound``: reports that wait at most; of more, the oldest
    without events are let go first, then the oldest. ``every_report``: those without events are for the sink, too. The
    thread is started with the first report. ``journal``: has what waits with events, until it has been delivered.
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
        journal: Journal | None = None,
    ) -> None:
        self._sink, self._stopping = sink, stopping
        self.name = sink.name
        self._telemetry = telemetry
        self._bound, self._select, self._every = bound, select, every_report
        self._journal = journal
        self._queue: deque[_Waiting] = deque()
        self._under_way: _Waiting | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._before: Outbox | None = None
        self._heir: Outbox | None = None
        self._retired = False
        self._full = News(f"sink {self.name}, queue")

    def emit(self, report: Report) -> None:
        entry = Entry()
        self.take(report, entry)
        self._write(entry)

    def take(self, report: Report, entry: Entry) -> None:
        """Queue ``report``; what changes by that is put into ``entry``, which the caller has the journal write."""
        chosen = self._select(report)
        if not chosen.events and not self._every:
            return
        with self._changed:
            if not self._stopping.is_set():
                self._put(self._waiting(chosen, entry), entry)
                self._begin()
                return
        if self._heir:
            self._heir.take(report, entry)

    def resume(self, posts: Iterable[tuple[int, Report]], now: int) -> None:
        """Queue what waited when Sentio ended, numbers of the journal with their reports; not what is too old at
        ``now``, ns."""
        entry = Entry()
        with self._changed:
            for number, report in posts:
                since = time.monotonic() - max(0, now - report.at) / SECOND
                if self._sink.too_late(since):
                    entry.gone.add(number)
                    self._telemetry.deliveries.labels(report.pipeline, self.name, "too_late").inc()
                else:
                    self._put(_Waiting(report, since, number), entry)
            if self._queue:
                log.info("sink %s: %d reports waited when Sentio ended, and are tried again", self.name, self._size())
                self._begin()
        if entry.gone:
            log.warning(
                "sink %s: %d reports waited for longer than they may, and are given up", self.name, len(entry.gone)
            )
        self._write(entry)

    def follow(self, before: Outbox) -> None:
        """Stop ``before``, which had this name, and deliver what it cannot any more."""
        self._before = before
        before._heir = self
        before.stop()
        with self._changed:
            self._begin()

    def stop(self) -> None:
        """Take nothing more, and try once more what is queued, on the thread. Returns at once."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()

    def retire(self) -> None:
        """As `stop`, of a sink that does not come back: what is left then is let go."""
        self._retired = True
        self.stop()

    def wait(self, seconds: float) -> None:
        """After `stop`: until the thread has ended, or for so many seconds; says what is left then."""
        if self._thread:
            self._thread.join(seconds)
            if self._thread.is_alive():
                self._tell_left(self._size())

    # The queue.

    def _waiting(self, report: Report, entry: Entry) -> _Waiting:
        if not self._journal or not report.events:
            return _Waiting(report, time.monotonic())
        number = self._journal.number()
        entry.posts[number] = Post(self.name, report)
        return _Waiting(report, time.monotonic(), number, entry.written)

    def _write(self, entry: Entry) -> None:
        if self._journal:
            self._journal.write(entry)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"sink {self.name}", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _put(self, new: _Waiting, entry: Entry) -> None:
        if not new.report.scores.keys:
            self._supersede(new.report.pipeline)
        self._queue.append(new)
        self._keep_bound(entry)
        self._count()

    def _supersede(self, alias: str) -> None:
        """What stands now stands in the newest report; of older ones that carry no scores the events alone are left,
        and how many stood."""
        kept: deque[_Waiting] = deque()
        for waiting in self._queue:
            report = waiting.report
            if report.pipeline != alias or report.scores.keys:
                kept.append(waiting)
            elif report.events:
                kept.append(replace(waiting, report=replace(report, firing=(), unlisted=report.standing)))
        self._queue = kept

    def _keep_bound(self, entry: Entry) -> None:
        while len(self._queue) > self._bound:
            at = next((i for i, w in enumerate(self._queue) if not w.report.events), 0)
            self._let_go(self._queue[at], entry)
            del self._queue[at]
            why = f"{self._bound} reports wait, and older ones are let go; a receiver that takes them is expected"
            self._full.bad("full", why)

    def _let_go(self, waiting: _Waiting, entry: Entry) -> None:
        self._telemetry.sink_dropped.labels(waiting.report.pipeline, self.name).inc()
        if waiting.number:
            entry.gone.add(waiting.number)

    def _next(self) -> _Waiting | None:
        """The next one, as soon as there is one; None where Sentio is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping.is_set())
            return None if self._stopping.is_set() else self._taken()

    def _taken(self) -> _Waiting:
        self._under_way = self._queue.popleft()
        return self._under_way

    def _done(self, waiting: _Waiting, *, over: bool) -> None:
        """``over``: it is delivered, or given up; else it is the first again."""
        with self._changed:
            if not over and self._under_way:
                self._queue.appendleft(waiting)
            self._under_way = None
            self._count()
            if not self._queue:
                self._full.good()
        if over and waiting.number:
            self._write(Entry(gone={waiting.number}))

    def _size(self) -> int:
        return len(self._queue) + (self._under_way is not None)

    def _count(self) -> None:
        # Not at the end: the gauge is another one's then, or gone.
        if not self._stopping.is_set():
            self._telemetry.sink_queue.labels(self.name).set(self._size())

    # The thread.

    def _work(self) -> None:
        if self._before:
            self._inherit(self._before)
        while waiting := self._next():
            self._done(waiting, over=self._deliver(waiting))
        self._last_try()

    def _inherit(self, before: Outbox) -> None:
        if before._thread:
            before._thread.join(_HANDED_OVER_S)
        left, entry = before._given_up(), Entry()
        with self._changed:
            self._queue.extendleft(reversed(left))
            self._keep_bound(entry)
            self._count()
        self._before = None
        self._write(entry)

    def _given_up(self) -> list[_Waiting]:
        """All that it has, with what is under way for too long: it may come twice then."""
        with self._changed:
            left = [*([self._under_way] if self._under_way else []), *self._queue]
            self._queue, self._under_way = deque(), None
            return left

    def _last_try(self) -> None:
        failed = 0
        with within(_LAST_S):
            for _ in range(len(self._queue)):
                with self._changed:
                    if not self._queue or remaining(_LAST_S) <= 0:
                        break
                    waiting = self._taken()
                if self._deliver(waiting):
                    self._done(waiting, over=True)
                    continue
                with self._changed:
                    if self._under_way:  # else a successor, who has waited for long enough, has it
                        self._queue.append(waiting)
                        self._under_way, failed = None, failed + 1
        with self._changed:
            self._queue.rotate(failed)
        self._tell_left(self._size())
        if self._retired:
            entry = Entry()
            for waiting in self._given_up():
                self._let_go(waiting, entry)
            self._write(entry)

    def _deliver(self, waiting: _Waiting) -> bool:
        if waiting.written:
            waiting.written.wait(max(0.0, remaining(waiting.since + _WRITTEN_S - time.monotonic())))
        try:
            return self._sink.deliver(waiting.report, waiting.since)
        except Exception:
            # A defect of the sink's: the reports after this one must not pay for it.
            log.exception("sink %s: a report of %s could not be delivered", self.name, waiting.report.pipeline)
            self._telemetry.deliveries.labels(waiting.report.pipeline, self.name, "defect").inc()
            return True

    def _tell_left(self, left: int) -> None:
        if not left or self._heir:
            return  # who has them tells it
        again = ", and tried again at the next start" if self._journal else ""
        then = ", and dropped, for the sink is gone" if self._retired else again
        log.warning("sink %s: %d reports are left undelivered%s", self.name, left, then)


def close(outboxes: Sequence[Outbox]) -> None:
    """Stop all of them, with one last try of what is queued, in two seconds together."""
    for outbox in outboxes:
        outbox.stop()
    until = time.monotonic() + _WAIT_S
    for outbox in outboxes:
        outbox.wait(max(0.0, until - time.monotonic()))
