"""Against Debian's Alertmanager; and against a server that counts, for what may not be sent twice."""

from __future__ import annotations

import json
import signal
import time
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentio import build
from sentio.alerting import Alerting, Rule, Rules, events
from sentio.config.load import load
from sentio.errors import SinkError
from sentio.outbox import Outbox, close
from sentio.reports import Event, Report
from sentio.runner import Runner, Tick
from sentio.selection import Selection
from sentio.sinks.alertmanager import Alertmanager
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Panel, Scores, Window
from tests.faulty import Connection, FaultyServer, Request, answer, in_turn, text
from tests.servers import until
from tests.sinks.alertmanagers import AlertmanagerProcess
from tests.sinks.alerts import CRITICAL, ODD, OK, WARNING, event, key, now, report

GOOD = answer(text(""))
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Clock:
    """What the sink takes for now, from the system's on."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> int:
        return self.now


def made(*urls: str, clock: Clock | None = None, **options: Any) -> Alertmanager:
    return Alertmanager(Alertmanager.Options(urls=urls, **options), clock or Clock())


def seconds(text_: str) -> float:
    return datetime.fromisoformat(text_).timestamp()


def posted(server: FaultyServer) -> list[list[dict[str, Any]]]:
    return [json.loads(request.body) for request in server.requests]


def outboxes(folder: Path, telemetry: Telemetry, urls: list[str], **options: Any) -> tuple[Outbox, ...]:
    config = {
        "sources": {"p": {"type": "prometheus", "url": "http://127.0.0.1:1"}},
        "pipelines": {"cpu": {"source": "p", "query": "up"}},
        "sinks": {"am": {"type": "alertmanager", "urls": urls, **options}},
    }
    file = folder / "sentio.yml"
    file.write_text(json.dumps(config), "utf-8")
    return build.outboxes(load([file], {}), "am", telemetry)


class Ones:
    """A source of one series, which is 1."""

    def read(self, _query: str, window: Window) -> Panel:
        return Panel((key(),), window.times(), np.ones((1, len(window))))


@dataclass
class Alone:
    """A sink as its outbox has it, on the caller's thread."""

    sink: Alertmanager

    def emit(self, report: Report) -> None:
        self.sink.emit(Selection()(report))


def runner(folder: Path, sink: Alertmanager, *, every: str) -> Runner:
    """The pipeline ``cpu``, whose alert stands from its first sample on."""
    alerts = {"warning": "value > 0"}
    pipeline = {"source": "p", "query": "up", "ttl": "3h", "score": {"every": every}, "alerts": alerts}
    config = {"sources": {"p": {"type": "prometheus", "url": "http://127.0.0.1:1"}}, "pipelines": {"cpu": pipeline}}
    file = folder / "sentio.yml"
    file.write_text(json.dumps(config), "utf-8")
    return build.runner(
        load([file], {}), "cpu", executor=Executor(), sinks=(Alone(sink),), telemetry=Telemetry(), pause=print,
        save=lambda _: None, source=Ones(),
    )  # fmt: skip


# A real one.


def test_whatever_address_of_sentio_is_taken_is_no_hindrance(tmp_path: Path) -> None:
    addresses = [
        "http://bücher.example",
        "http://h_x:80/ä|b",
        "http://[::1]:1",
        "http://[fe80::1%25eth0]/%41",
        "http://a;b",
    ]
    with AlertmanagerProcess(tmp_path / "am") as there:
        for i, address in enumerate(addresses):
            made(there.url, external_url=address).emit(report(event(of=key(i))))
        assert len(there.alerts()) == len(addresses)


def test_an_alert_stands_with_its_labels_and_times(tmp_path: Path) -> None:
    with AlertmanagerProcess(tmp_path / "am") as there:
        clock = Clock()
        one = event(since=clock.now - MINUTE, at=clock.now, of=key("a"))
        extra = {"team": "sre", "i": "ours"}
        sink = made(there.url, clock=clock, labels=extra, external_url="http://sentio.example/")
        sink.emit(report(one, firing=(one,)))
        (alert,) = there.alerts()
    assert alert["labels"] == {
        "alertname": "SentioAnomaly",
        "severity": "critical",
        "metric": "load",
        "query": "cpu",
        "team": "sre",
        "i": "ours",
        "exported_i": "a",
    }
    assert alert["annotations"].pop("since").endswith("UTC")
    assert alert["annotations"] == {
        "summary": 'critical: load{i="a"}',
        "description": "is 29, expected 17 to 23",
        "value": "29",
        "expected": "20",
        "band": "17 to 23",
        "score": "3",
        "cause": "score > 1 for 3 of 5",
    }
    assert alert["generatorURL"] == "http://sentio.example/?query=cpu&q=load%7Bi%3D%22a%22%7D"
    assert seconds(alert["startsAt"]) == pytest.approx(one.since / SECOND, abs=0.01)
    assert seconds(alert["endsAt"]) == pytest.approx(clock.now / SECOND + 240, abs=0.01)


def test_resolved_is_seen_and_a_change_of_level_replaces(tmp_path: Path) -> None:
    received: list[dict[str, Any]] = []

    def receive(request: Any, connection: Any) -> None:
        received.extend(json.loads(request.body)["alerts"])
        GOOD(request, connection)

    with FaultyServer(receive) as hook, AlertmanagerProcess(tmp_path / "am", hook.url) as there:
        sink = Alertmanager(Alertmanager.Options(urls=(there.url,)))
        since = now() - MINUTE
        first = event(after=WARNING, since=since)
        sink.emit(report(first, firing=(first,)))
        until(lambda: [a for a in received if a["labels"]["severity"] == "warning"], 20, "told of the warning")
        worse = event(WARNING, CRITICAL, since=since)
        sink.emit(report(worse, firing=(worse,)))
        until(lambda: [a["labels"]["severity"] for a in there.alerts()] == ["critical"], 20, "the one for the other")
        until(lambda: [a for a in received if a["labels"]["severity"] == "critical"], 20, "told of the critical one")
        sink.emit(report(event(CRITICAL, OK, since=since)))
        until(lambda: there.alerts() == [], 20, "none stands any more")
        over = ("resolved", "critical")
        until(lambda: over in [(a["status"], a["labels"]["severity"]) for a in received], 20, "told of its end")


def test_odd_labels_survive(tmp_path: Path) -> None:
    with AlertmanagerProcess(tmp_path / "am") as there:
        one = event(of=ODD)
        made(there.url).emit(report(one, firing=(one,)))
        (alert,) = there.alerts()
    assert alert["labels"]["a_b"] == 'quoted "x" \\'
    assert alert["labels"]["exported_severity"] == "line\nbreak"
    assert alert["labels"]["z"].startswith("grüße 🎉")


def test_a_thousand_alerts(tmp_path: Path) -> None:
    with AlertmanagerProcess(tmp_path / "am") as there:
        many = tuple(event(of=key(i)) for i in range(1000))
        made(there.url).emit(report(*many, firing=many))
        assert len(there.alerts()) == 1000


def test_one_that_is_down_keeps_nothing_from_the_other_and_loses_nothing(tmp_path: Path) -> None:
    telemetry = Telemetry()
    up, down = AlertmanagerProcess(tmp_path / "a"), AlertmanagerProcess(tmp_path / "b")
    boxes = outboxes(tmp_path, telemetry, [up.url, down.url], resend_every="1s")
    assert [box.name for box in boxes] == ["am[0]", "am[1]"]

    def tell(*events: Any, firing: tuple[Any, ...] = ()) -> None:
        for box in boxes:
            box.emit(report(*events, firing=firing))

    def shown(there: AlertmanagerProcess) -> list[str]:
        return [alert["labels"]["i"] for alert in there.alerts()]

    with up:
        first, second = event(of=key("first")), event(of=key("second"))
        tell(first, firing=(first,))
        until(lambda: shown(up) == ["first"], 20, "the one that is up has it")
        tell(second, firing=(first, second))
        until(lambda: shown(up) == ["first", "second"], 20, "and the next one")
        for _ in range(20):  # the ticks of an outage
            tell(firing=(first, second))
        labels = {"query": "cpu", "sink": "am[1]"}
        until(lambda: telemetry.registry.get_sample_value("sentio_sink_retries_total", labels), 20, "retries")
        assert telemetry.registry.get_sample_value("sentio_sink_queue_size", {"sink": "am[1]"}) == 3
        assert telemetry.registry.get_sample_value("sentio_sink_dropped_total", labels) is None
        over = event(CRITICAL, OK, of=key("first"))
        tell(over, firing=(second,))
        until(lambda: shown(up) == ["second"], 20, "its end is told")
        with down:
            until(lambda: shown(down) == ["second"], 90, "the other one has caught up, with the end of the first")
            close(boxes)


@pytest.mark.parametrize("how", ["killed", "stopped", "frozen"])
def test_one_that_was_up_goes_down_and_comes_back(tmp_path: Path, how: str) -> None:
    telemetry = Telemetry()
    told: list[dict[str, Any]] = []

    def receive(request: Any, connection: Any) -> None:
        told.extend(json.loads(request.body)["alerts"])
        GOOD(request, connection)

    with FaultyServer(receive) as hook, AlertmanagerProcess(tmp_path / "am", hook.url) as there:
        (box,) = outboxes(tmp_path, telemetry, [there.url], resend_every="16s", timeout="2s")
        since, firing = now() - MINUTE, {}

        def tick(*news: Event) -> None:
            for one in news:
                firing[one.key] = one
                if not one.level_to:
                    del firing[one.key]
            box.emit(report(*news, firing=tuple(firing.values())))

        def standing() -> list[tuple[str, str]]:
            tick()
            alerts = there.alerts()
            assert {round(seconds(alert["startsAt"])) for alert in alerts} <= {round(since / SECOND)}
            return sorted((alert["labels"]["i"], alert["labels"]["severity"]) for alert in alerts)

        def is_told(i: str, status: str) -> bool:
            tick()
            return (i, status) in [(alert["labels"]["i"], alert["status"]) for alert in told]

        levels = {"stays": CRITICAL, "ends": CRITICAL, "worsens": WARNING}
        tick(*(event(OK, level, of=key(name), since=since) for name, level in levels.items()))
        before = [("ends", "critical"), ("stays", "critical"), ("worsens", "warning")]
        until(lambda: standing() == before, 20, "all three stand")
        until(lambda: is_told("ends", "firing"), 20, "and are told")

        down(there, how)
        tick(event(OK, CRITICAL, of=key("comes"), since=since))
        tick(event(CRITICAL, OK, of=key("ends"), since=since))
        tick(event(WARNING, CRITICAL, of=key("worsens"), since=since))
        until(lambda: tick() or retried(telemetry), 20, "it is tried again")
        up(there, how)

        after = [("comes", "critical"), ("stays", "critical"), ("worsens", "critical")]
        # An alert ends by itself after 64 s, four times what it is repeated after; its end must be told before.
        until(lambda: standing() == after, 15, "nothing is lost")
        until(lambda: is_told("comes", "firing"), 20, "the receiver is told of what came")
        if how != "killed":  # then it has forgotten what it had told
            until(lambda: is_told("ends", "resolved"), 20, "and of what ended")
        seen = [standing() for _ in range(30) if time.sleep(0.1) is None]
        assert seen == [after] * 30, "and nothing doubled, or begun anew"
        assert telemetry.registry.get_sample_value("sentio_sink_dropped_total", {"query": "cpu", "sink": "am"}) is None
        close([box])


def down(there: AlertmanagerProcess, how: str) -> None:
    if how == "frozen":
        there.send(signal.SIGSTOP)
    else:
        there.stop(signal.SIGKILL if how == "killed" else signal.SIGTERM)


def up(there: AlertmanagerProcess, how: str) -> None:
    if how == "frozen":
        there.send(signal.SIGCONT)
    else:
        there.start()


def retried(telemetry: Telemetry) -> float | None:
    return telemetry.registry.get_sample_value("sentio_sink_retries_total", {"query": "cpu", "sink": "am"})


# Several changes of one series in one report, as where a tick judges what came during an outage.

START = now() // HOUR * HOUR - HOUR
ALERTING = Alerting(Rules(warning=Rule("value > 0"), critical=Rule("value > 1"), recovery=1))
PATHS = {
    "begins and ends": ([1, 0], {}, {"warning": (0, 1)}),
    "begins and ends twice": ([1, 0, 1, 0], {}, {"warning": (2, 3)}),
    "worsens": ([1, 2], {"critical": 0}, {"warning": (0, 1)}),
    "worsens and ends": ([1, 2, 0], {}, {"warning": (0, 1), "critical": (0, 2)}),
    "worsens and is better": ([1, 2, 1], {"warning": 0}, {"critical": (0, 2)}),
    "ends and begins at another level": ([2, 0, 1], {"warning": 2}, {"critical": (0, 1)}),
    "ends and begins": ([1, 0, 1], {"warning": 2}, {"warning": (0, 1)}),
}
Times = dict[str, tuple[int, int]]


def judged(*rows: list[int], state: State | None = None) -> tuple[State, Report]:
    """A report of a series for each row, with a sample a minute from `START` on."""
    times = START + MINUTE * np.arange(len(rows[0]))
    scores = Scores(tuple(map(key, range(len(rows)))), times, np.array(rows, float), {})
    state, outcome = ALERTING.step(state or State(()), scores)
    changed, firing = events(outcome, scores)
    return state, report(*changed, firing=firing, every=15 * SECOND)


def minute(text_: str) -> int:
    return round((seconds(text_) - START / SECOND) / 60)


def said(alerts: list[dict[str, Any]], clock: Clock) -> tuple[dict[str, int], Times]:
    """By severity, since when they stand, and from when to when those were that have ended."""
    stands, over = dict[str, int](), Times()
    for alert in alerts:
        severity, ends, since = alert["labels"]["severity"], alert["endsAt"], minute(alert["startsAt"])
        if seconds(ends) > clock.now / SECOND:
            stands[severity] = since
        else:
            assert severity not in stands, "an end is told before what comes after it"
            over[severity] = since, minute(ends)
    return stands, over


@pytest.mark.parametrize("waited", [False, True])
@pytest.mark.parametrize(("path", "stands", "over"), PATHS.values(), ids=PATHS)
def test_what_stands_after_a_report_fires_and_what_has_ended_in_it_is_over(
    path: list[int], stands: dict[str, int], over: Times, waited: bool
) -> None:
    clock = Clock()
    _, one = judged(path)
    if waited:  # for a receiver that was down, with a newer report behind it
        one = replace(one, firing=())
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        for _ in range(2):  # an attempt whose answer was lost
            sink.emit(one)
        (alerts,) = posted(server)
        assert said(alerts, clock) == (stands, over)
        clock.now += 2 * MINUTE
        sink.emit(replace(one, at=clock.now, events=(), firing=judged(path)[1].firing))
        again = said(posted(server)[-1], clock)
    assert again == (stands, {severity: times for severity, times in over.items() if severity not in stands})


def test_without_send_resolved_what_has_ended_in_a_report_does_not_fire(tmp_path: Path) -> None:
    with FaultyServer(GOOD) as server:
        telemetry, clock = Telemetry(), Clock()
        (box,) = outboxes(tmp_path, telemetry, [server.url], send_resolved=False)
        state, one = judged([1, 1], [1, 0], [1, 2])
        box.emit(replace(one, firing=()))
        _, ends = judged([1, 0, 0, 0], [0] * 4, [2, 2, 2, 0], state=state)
        box.emit(ends)
        labels = {"query": "cpu", "sink": "am", "outcome": "ok"}
        delivered = partial(telemetry.registry.get_sample_value, "sentio_sink_deliveries_total", labels)
        until(lambda: delivered() == 2, 20, "both are delivered")
        told = [(alert["labels"]["i"], *said([alert], clock)) for part in posted(server) for alert in part]
        close([box])
    worsens = ("2", {}, {"warning": (0, 1)})
    assert sorted(told, key=str) == [("0", {"warning": 0}, {}), ("2", {"critical": 0}, {}), worsens]


def test_what_has_ended_in_a_report_is_heard_of_with_what_fires(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    def receive(request: Any, connection: Any) -> None:
        heard.extend(json.loads(request.body)["alerts"])
        GOOD(request, connection)

    with FaultyServer(receive) as hook, AlertmanagerProcess(tmp_path / "am", hook.url) as there:
        sink = made(there.url)
        state, one = judged([1, 0], [2, 2])
        sink.emit(one)
        assert [alert["labels"]["i"] for alert in there.alerts()] == ["1"]
        until(lambda: len(heard) >= 2, 20, "told of both")
        first = {(alert["labels"]["i"], alert["status"]): alert for alert in heard[:2]}
        assert set(first) == {("0", "resolved"), ("1", "firing")}
        assert minute(first["0", "resolved"]["endsAt"]) == 1
        _, anew = judged([0, 0, 0, 0], [2, 2, 0, 2], state=state)
        sink.emit(anew)
        (alert,) = there.alerts()
        assert (alert["labels"]["i"], minute(alert["startsAt"])) == ("1", 3), "another alert, since then"


# One that counts.


def test_what_stands_is_repeated_when_it_is_due() -> None:
    clock = Clock()
    one = event()
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        for i in range(9):  # two minutes of ticks
            sink.emit(report(*([one] if i == 0 else []), firing=(event(),), at=clock.now))
            clock.now += 15 * SECOND
        assert len(server.requests) == 3
        ends = [seconds(alerts[0]["endsAt"]) for alerts in posted(server)]
    assert ends[1] - ends[0] == pytest.approx(60)


def test_the_end_is_repeated_for_five_minutes() -> None:
    clock = Clock()
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        sink.emit(report(event(CRITICAL, OK), at=clock.now))
        for _ in range(60):
            clock.now += 10 * SECOND
            sink.emit(report(at=clock.now))
        said = posted(server)
    assert len(said) == 5
    assert len({alerts[0]["endsAt"] for alerts in said}) == 1


def test_it_outlives_the_next_report() -> None:
    clock = Clock()
    begun, ends = clock.now, list[tuple[int, int]]()
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        for every, gap in ((300, 300), (300, 7200), (300, 5), (300, 5), (3600, 5), (3600, 600), (3600, 3600), (15, 60)):
            sent = len(server.requests)
            sink.emit(report(firing=(event(),), at=clock.now, every=every * SECOND))
            for (alert,) in posted(server)[sent:]:
                at = (clock.now - begun) // SECOND
                ends.append((at, round(seconds(alert["endsAt"]) - clock.now / SECOND)))
            clock.now += gap * SECOND
    # Not at 7,505 s, for what was said then lasts; but at 7,510 s, for the next report is an hour away by then.
    assert ends == [(0, 1200), (300, 1200), (7500, 1200), (7510, 14_400), (8115, 14_400), (11_715, 240)]


def test_it_outlives_the_next_tick_over_a_restart_and_a_reload(tmp_path: Path) -> None:
    """A pipeline that scores once an hour, whose sink stays where it is loaded anew."""
    clock = Clock()
    clock.now -= clock.now % HOUR
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        first = runner(tmp_path, sink, every="1h")
        first.score(clock.now, Tick())
        ends = [seconds(alerts[0]["endsAt"]) for alerts in posted(server)]
        assert len(ends) == 1
        assert ends[0] > clock.now / SECOND + 3600
        clock.now += 10 * MINUTE
        again = runner(tmp_path, sink, every="1h")
        again.restore(first.snapshot(), clock.now)
        again.score(clock.now, Tick())
        until_ = max(seconds(alerts[0]["endsAt"]) for alerts in posted(server)[1:])
        assert until_ > clock.now / SECOND + 50 * 60, "the next multiple of an hour"
        clock.now += 50 * MINUTE
        again.score(clock.now, Tick())
        assert seconds(posted(server)[-1][0]["endsAt"]) > clock.now / SECOND + 3600


def test_it_outlives_the_next_tick_where_there_are_fewer_of_them_after_a_reload(tmp_path: Path) -> None:
    clock = Clock()
    clock.now -= clock.now % HOUR
    with FaultyServer(GOOD) as server:
        sink = made(server.url, clock=clock)
        often = runner(tmp_path, sink, every="15s")
        often.score(clock.now, Tick())
        clock.now += 5 * SECOND
        seldom = runner(tmp_path, sink, every="1h")
        seldom.restore(often.snapshot(), clock.now)
        seldom.score(clock.now, Tick())
        assert seconds(posted(server)[-1][0]["endsAt"]) > clock.now / SECOND + 3600


def test_what_was_taken_is_not_sent_again_with_what_was_not() -> None:
    many = tuple(event(of=key(i)) for i in range(600))
    whole = report(*many, firing=many)
    with FaultyServer(in_turn(GOOD, answer(text("no"), 503), GOOD)) as one, FaultyServer(GOOD) as other:
        sink = made(one.url, other.url)
        with pytest.raises(SinkError) as caught:
            sink.emit(whole)
        assert (caught.value.reason, caught.value.permanent) == ("server_error", False)
        sink.emit(whole)
        assert [len(alerts) for alerts in posted(one)] == [256, 256, 256, 88]
        assert [len(alerts) for alerts in posted(other)] == [256, 256, 88]
        sent = [alert["labels"]["i"] for alerts in posted(other) for alert in alerts]
    assert sorted(sent) == sorted(str(i) for i in range(600))


class Picky:
    """Refuses a request with an alert in it whose ``i`` is among ``bad``; ``known`` are those that it has taken."""

    def __init__(self, *bad: int, status: int = 400) -> None:
        self.bad, self.known, self.requests = set(map(str, bad)), set[str](), 0
        self._status = status

    def __call__(self, request: Request, connection: Connection) -> None:
        self.requests += 1
        names = {alert["labels"]["i"] for alert in json.loads(request.body)}
        self.known |= names - self.bad if (taken := not names & self.bad) else set()
        answer(text("no"), 200 if taken else self._status)(request, connection)


MANY = tuple(event(of=key(i)) for i in range(600))
NAMES = {str(i) for i in range(600)}


def refusal_of(sink: Alertmanager, one: Report) -> SinkError:
    with pytest.raises(SinkError) as caught:
        sink.emit(one)
    return caught.value


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_alert_that_is_refused_keeps_no_other_from_going_out(status: int) -> None:
    picky, clock = Picky(0, status=status), Clock()
    with FaultyServer(picky) as server:
        sink = made(server.url, clock=clock)
        error = refusal_of(sink, report(*MANY, firing=MANY))
        assert (error.reason, error.permanent) == ("refused", True)
        assert picky.known == NAMES - {"0"}
        before = picky.requests
        refusal_of(sink, report(firing=MANY))
        assert picky.requests == before + 1, "nothing but that one is due"
        picky.known.clear()
        clock.now += MINUTE
        refusal_of(sink, report(firing=MANY))
        assert picky.known == NAMES - {"0"}, "repeated, with that one in the last part"
        assert picky.requests <= before + 1 + 3 + 2 * 7
        picky.bad.clear()
        sink.emit(report(firing=MANY))
        assert picky.known == NAMES


def test_many_that_are_refused_keep_the_others_for_some_reports_at_most() -> None:
    picky, clock = Picky(*range(0, 600, 20)), Clock()
    good = NAMES - picky.bad
    with FaultyServer(picky) as server:
        sink = made(server.url, clock=clock)
        reports = 0
        while picky.known != good and reports < 20:
            refusal_of(sink, report(firing=MANY))
            reports, clock.now = reports + 1, clock.now + 15 * SECOND
        assert picky.known == good
        picky.known.clear()
        clock.now += MINUTE
        refusal_of(sink, report(firing=MANY))
        assert picky.known == good, "once it is known which they are, they come last"


def test_where_each_is_refused_there_is_an_end_of_requests() -> None:
    picky = Picky(*range(600))
    with FaultyServer(picky) as server:
        assert refusal_of(made(server.url), report(*MANY, firing=MANY)).permanent
    assert picky.requests < 3 + 2 * 33


def test_the_end_of_an_alert_goes_out_before_the_next_one_where_parts_are_halved() -> None:
    picky, clock = Picky(), Clock()
    begun, anew = clock.now - 10 * MINUTE, clock.now - SECOND
    first = tuple(event(of=key(i), at=begun, since=begun) for i in range(300))
    with FaultyServer(picky) as server:
        sink = made(server.url, clock=clock)
        sink.emit(report(*first, firing=first))
        sent = len(server.requests)
        picky.bad.add("0")
        over = tuple(event(CRITICAL, OK, of=key(i), at=anew - SECOND, since=begun) for i in range(300))
        again = tuple(event(of=key(i), at=anew, since=anew) for i in range(300))
        refusal_of(sink, report(*over, *again, firing=again))
        starts = dict[str, list[float]]()
        for alert in (alert for alerts in posted(server)[sent:] for alert in alerts):
            starts.setdefault(alert["labels"]["i"], []).append(seconds(alert["startsAt"]))
    assert len(starts) == 300
    assert all(told == sorted(told) and told[0] < told[-1] for told in starts.values())


def test_nothing_is_sent_where_nothing_is_due() -> None:
    with FaultyServer(GOOD) as server:
        made(server.url).emit(report())
        assert server.requests == []
