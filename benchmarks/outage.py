"""Sentio, what it reads and whom it tells, and an outage of the latter."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hearing import Gate, Mail, Receiver, Web, slack, webhook
from benchmarks.ticks import Ticks
from benchmarks.told import Alert
from sentio.demo.prometheus_process import PrometheusProcess
from sentio.types import SeriesKey
from tests.servers import LOOPBACK, Exporter, SentioProcess
from tests.sinks.alertmanagers import AlertmanagerProcess

METRIC = "bench_load"
SERIES = 12

_ORDINARY, _HIGH = 10.0, 90.0
_PERIOD_S, _LONGER_S = 40, 4
_APART_S = 5
_CAUGHT_UP_S = 180
"""The longest pause between two attempts is 60 s; Slack is asked no sooner than it wants."""
_SETTLED_S = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds: all is well before and after the outage; ``pace`` shortens how long alerts last."""

    before: float
    outage: float
    after: float
    pace: float
    retry_after: int
    resend_every: str

    @property
    def end(self) -> float:
        return self.before + self.outage + self.after


FULL, QUICK = Plan(60, 600, 30, 1.0, 30, "1m"), Plan(15, 30, 15, 0.4, 3, "5s")


def alerts(plan: Plan, begun: float) -> list[Alert]:
    """What the series do: each is high for half of a period of its own. At the end every other one goes high to stay;
    one is high from before the outage until it ends within it, and one for good."""
    found = []
    for i in range(SERIES):
        period = plan.pace * (_PERIOD_S + _LONGER_S * i)
        start = period / 2
        while start + period / 2 <= plan.end - _APART_S:
            found.append(Alert(str(i), start, start + period / 2))
            start += period
        if i % 2:
            found.append(Alert(str(i), plan.end + i / 2, None))
    found.append(Alert("over", plan.before - _APART_S, plan.before + 0.75 * plan.outage))
    found.append(Alert("stays", plan.before - _APART_S, None))
    return [Alert(a.series, begun + a.start, None if a.end is None else begun + a.end) for a in found]


class Stage:
    """Sentio, what it reads, and whom it tells."""

    def __init__(self, plan: Plan, sentio: SentioProcess, gates: tuple[Gate, Gate], mail: Mail) -> None:
        self.plan, self.sentio, self.mail = plan, sentio, mail
        self.up, self.late = gates
        self.reference, self.slack, self.hook = (
            Web("webhook, always up", webhook),
            Web("slack", slack),
            Web("webhook", webhook),
        )
        self.ticks = Ticks(sentio.url)
        self.begun = self.killed = 0.0
        self.alerts: list[Alert] = []

    @property
    def webs(self) -> tuple[Web, ...]:
        return self.reference, self.slack, self.hook, self.up, self.late

    @property
    def others(self) -> tuple[Receiver, ...]:
        return self.up, self.late, self.mail, self.slack, self.hook

    def sinks(self) -> dict[str, Any]:
        mail = {"host": LOOPBACK, "port": self.mail.port, "security": "none", "from": "a@example.org"}
        urls = [self.up.server.url, self.late.server.url]
        return {
            "reference": {"type": "webhook", "url": self.reference.server.url},
            "alertmanager": {"type": "alertmanager", "urls": urls, "resend_every": self.plan.resend_every},
            "mail": {"type": "email", **mail, "to": ["b@example.org"]},
            "slack": {"type": "slack", "url": self.slack.server.url},
            "webhook": {"type": "webhook", "url": self.hook.server.url},
        }

    def begin(self, exporter: Exporter) -> None:
        """From now on the series do what they are to do."""
        self.begun = time.time()
        self.alerts = alerts(self.plan, self.begun)
        for name in sorted({alert.series for alert in self.alerts}):
            own = [alert for alert in self.alerts if alert.series == name]
            exporter.series[SeriesKey(METRIC, (("i", name),))] = partial(_value, own)

    def play(self) -> None:
        """The outage, from before until after it."""
        p = self.plan
        start = p.before
        steps: list[tuple[float, str, Callable[[], object]]] = [
            (start, "one Alertmanager is killed", self.late.down),
            (start, "the mail server is a tarpit", self.mail.tarpit),
            (start, "slack answers 429", lambda: self.slack.fail(429, Retry_After=str(p.retry_after))),
            (start, "the webhook answers 500", lambda: self.hook.fail(500)),
            (start + 0.5 * p.outage, "Sentio is killed, and started again", self._kill),
            (start + 0.7 * p.outage, "slack is well again", self.slack.recover),
            (start + 0.8 * p.outage, "the webhook is well again", self.hook.recover),
            (start + 0.9 * p.outage, "the mail server greets again", self.mail.up),
            (start + p.outage, "the Alertmanager is back", self.late.up),
            (p.end + SERIES / 2 + _SETTLED_S, "no series changes any more", lambda: None),
        ]
        for at, what, act in steps:
            time.sleep(max(0.0, self.begun + at - time.time()))
            print(f"{time.time() - self.begun:4.0f} s: {what}", flush=True)
            act()

    def _kill(self) -> None:
        """Where it hurts most: a message has been delivered, and Sentio does not know yet."""
        with self.reference.holding():
            self.sentio.kill()
            self.killed = time.time()
        self.sentio.start()

    def await_the_rest(self) -> None:
        """Until nothing waits any more, or for as long as that may take: what is missing then is lost."""
        ends = time.monotonic() + _CAUGHT_UP_S
        while self._waiting() and time.monotonic() < ends:
            time.sleep(1)
        time.sleep(_SETTLED_S)
        print(f"{time.time() - self.begun:4.0f} s: {self._waiting()} messages wait", flush=True)

    def _waiting(self) -> int:
        journal = self.sentio.config.with_name("sentio.db-alerts")
        with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM waiting").fetchone()[0])


def _value(own: list[Alert], t: float) -> float:
    return _HIGH if any(a.start <= t and (a.end is None or t < a.end) for a in own) else _ORDINARY


@contextmanager
def running(plan: Plan) -> Iterator[Stage]:
    """All of them up, and Sentio judging."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentio-bench-")))
        exporter = stack.enter_context(Exporter(METRIC))
        prometheus = stack.enter_context(PrometheusProcess(_made(folder / "prometheus"), exporter.address, None, 1.0))
        gates = [Gate(f"Alertmanager, {name}", AlertmanagerProcess(folder / name)) for name in ("always up", "down")]
        stage = Stage(plan, SentioProcess(folder / "sentio"), (gates[0], gates[1]), Mail("mail"))
        for gate in gates:
            stack.callback(gate.process.stop)
            gate.process.start()
        stack.enter_context(stage.mail.running())
        for web in stage.webs:
            stack.enter_context(web.server)
        stage.sentio.configure({**_pipeline(prometheus.url), "sinks": stage.sinks()})
        stack.callback(stage.sentio.kill)
        stage.begin(exporter)
        stage.sentio.start()
        stack.enter_context(stage.ticks)
        yield stage
        stage.sentio.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _pipeline(url: str) -> dict[str, Any]:
    return {
        "sources": {"prometheus": {"type": "prometheus", "url": url}},
        "pipelines": {
            "bench": {
                "source": "prometheus",
                "query": METRIC,
                "step": "1s",
                "ttl": "2m",
                "train": {"window": "5m", "every": "5m"},
                "detector": {"type": "threshold", "upper": (_ORDINARY + _HIGH) / 2},
                "alerts": {"warning": "score > 1", "recovery": 2},
            }
        },
    }
