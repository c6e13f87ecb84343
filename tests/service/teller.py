"""Tells of alerts until it is killed, for the test that kills it.

``python -m tests.service.teller JOURNAL URL`` reads lines of three numbers: the tick to begin with, how many there are,
and the step to die at, 0 for none. Each is done in a process of its own, which has the journal of the last one. What it
says is either ``killed`` or the levels at the end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from sentio.alerting import Alerting, Rule, Rules, events, told
from sentio.guard import GuardedSink
from sentio.journal import Journal
from sentio.outbox import Outbox
from sentio.outlets import Fanout
from sentio.reports import Report
from sentio.selection import Selection, of_alerts
from sentio.sinks.webhook import Webhook
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Scores, SeriesKey

KEYS = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(4))
ALERTING = Alerting(Rules(warning=Rule("value > 0"), recovery=1))


def values(tick: int) -> np.ndarray:
    """Each series by a rhythm of its own."""
    return np.array([[float(tick // (i + 2) % 2)] for i in range(len(KEYS))])


class Steps:
    """Kills the process at the step of that number, on whichever thread it comes."""

    def __init__(self, last: int) -> None:
        self._left, self._lock = last, threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Stepping:
    """A sink with a step before and after."""

    def __init__(self, sink: Webhook, step: Steps) -> None:
        self._sink, self._step = sink, step

    def emit(self, report: Report) -> None:
        self._step()
        self._sink.emit(report)
        self._step()


class Nowhere:
    def emit(self, report: Report) -> None:
        """Do nothing."""


def run(path: Path, url: str, first: int, ticks: int, die_at: int) -> str:
    step, telemetry, stopping = Steps(die_at), Telemetry(), threading.Event()
    journal = Journal(path, telemetry)
    journal._database.set_trace_callback(step)  # each statement, BEGIN and COMMIT among them
    sink = Stepping(Webhook(Webhook.Options(url=url)), step)
    guarded = GuardedSink(
        sink, name="w", telemetry=telemetry, redact=str, timeout=5 * SECOND, retry_for=3600 * SECOND,
        backoff=(0.001,), pause=stopping.wait,
    )  # fmt: skip
    box = Outbox(
        guarded, stopping, telemetry=telemetry, bound=1000, select=Selection(), every_report=False, journal=journal
    )
    box.resume([(number, post.report) for number, post in journal.waiting().items()], time.time_ns())
    fanout = Fanout("q", Nowhere(), lambda _: [box], journal)
    state = ALERTING.resumed(ALERTING.blank(()), journal.alerts("q"), KEYS)
    for tick in range(first, first + ticks):
        now = time.time_ns()
        scores = Scores(KEYS, np.array([now]), values(tick), {})
        state, outcome = ALERTING.step(state, scores)
        changed, firing = events(outcome, scores)
        report = of_alerts("q", now, changed, firing)
        step()
        fanout.emit(Report(**{**{n: getattr(report, n) for n in report.__slots__}, "alerts": told(state)}))
        step()
    until = time.monotonic() + 60
    while box._size() and time.monotonic() < until:
        time.sleep(0.005)
    box.stop()
    box.wait(5)
    journal.close()
    return ",".join(str(level) for level in state["level"].tolist())


def main(path: str, url: str) -> None:
    for line in sys.stdin:
        first, ticks, die_at = map(int, line.split())
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writer, run(Path(path), url, first, ticks, die_at).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as said:
            sys.stdout.write(f"{said.read() or 'killed'}\n")
            sys.stdout.flush()
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
