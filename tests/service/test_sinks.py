"""The service's sinks: who is told, what a reload keeps, and the end."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import ClassVar

import numpy as np

from sentio.alerting import REMOVED
from sentio.cli import main
from sentio.config.options import Options
from sentio.journal import Journal
from sentio.outbox import Outbox
from sentio.outlets import Fanout
from sentio.reports import Report
from sentio.runner import Tick
from sentio.selection import of_alerts
from sentio.shard import owner
from sentio.telemetry import Telemetry
from sentio.types import SeriesKey
from tests.alerting.work import cut, scored, warned
from tests.faulty import FaultyServer, answer, text
from tests.service.support import config_text, eventually, get, metric, prometheus, running
from tests.sinks.alerts import event

GOOD = answer(text("ok"))


def events_of(server):
    return [json.loads(request.body) for request in server.requests]


def with_sinks(url, folder, more="", pipeline="query: load", **sinks):
    blocks = ", ".join(f"{name}: {{type: webhook, url: '{to}'}}" for name, to in sinks.items())
    return config_text(url, folder / "db", load=pipeline) + f"sinks: {{{blocks}{more}}}\n"


def tell(service, *events):
    """Its last report once more, with these events: what alerts a pipeline has is not what is tested here."""
    (runner,) = service.runners()
    eventually(lambda: runner.report)
    runner._publish(replace(runner.report, events=events, firing=events))


def test_a_pipeline_tells_its_sinks_and_a_reload_changes_them_without_beginning_anew(tmp_path):
    file = tmp_path / "sentio.yml"
    with prometheus() as source, FaultyServer(GOOD) as a, FaultyServer(GOOD) as b:
        file.write_text(with_sinks(source.url, tmp_path, a=a.url, b=b.url))
        with running([file]) as (service, web):
            tell(service, event())
            eventually(lambda: len(a.requests) == len(b.requests) == 1)
            runner, boxes = service.runners()[0], set(service._outlets.boxes)
            file.write_text(with_sinks(source.url, tmp_path, pipeline="query: load, sinks: [a]", a=a.url, b=b.url))
            assert service.reload() is None
            assert service.runners() == [runner], "the pipeline goes on"
            assert set(service._outlets.boxes) == boxes
            tell(service, event())
            eventually(lambda: len(a.requests) == 2)
            assert len(b.requests) == 1
            page = get(f"{web.url}/metrics")[1]
            assert metric(page, 'sentio_sink_deliveries_total{outcome="ok",query="load",sink="a"}') == 2
            assert metric(page, 'sentio_sink_queue_size{sink="b"}') == 0
            file.write_text(with_sinks(source.url, tmp_path, a=a.url))
            assert service.reload() is None
            page = get(f"{web.url}/metrics")[1]
            assert metric(page, 'sentio_sink_queue_size{sink="b"}') is None
            assert metric(page, 'sentio_sink_queue_size{sink="a"}') == 0


def test_the_alerts_of_a_pipeline_that_a_reload_removes_end(tmp_path):
    """Whoever was told of them would have them for ever."""
    file = tmp_path / "sentio.yml"
    rules = "alerts: {warning: value > 0}, judgement: {enabled: false}"
    both = {"load": f"query: load, {rules}", "other": f"query: 'load{{i=\"0\"}}', {rules}"}

    def text_of(url, to, *aliases):
        sink = f"sinks: {{hook: {{type: webhook, url: '{to}'}}}}\n"
        return config_text(url, tmp_path / "db", **{alias: both[alias] for alias in aliases}) + sink

    def of(hook, pipeline):
        return [message for message in events_of(hook) if message["pipeline"] == pipeline]

    with prometheus() as source, FaultyServer(GOOD) as hook:
        file.write_text(text_of(source.url, hook.url, "load", "other"))
        with running([file]) as (service, web):
            eventually(lambda: of(hook, "load") and of(hook, "other"))
            file.write_text(text_of(source.url, hook.url, "other"))
            assert service.reload() is None
            eventually(lambda: len(of(hook, "load")) == 2)
            ended = of(hook, "load")[1]
            assert (len(ended["events"]), ended["firing"]) == (3, 0)
            for one in ended["events"]:
                assert (one["level_from"], one["level_to"]) == ("warning", "ok")
                assert one["cause"] == "pipeline is no longer in the configuration"
                assert one["text"].startswith("is no longer watched; its alert has ended after ")
            assert len(of(hook, "other")) == 1
            assert 'query="load",state' not in get(f"{web.url}/metrics")[1]
            file.write_text(text_of(source.url, hook.url, "load", "other"))
            assert service.reload() is None
            eventually(lambda: len(of(hook, "load")) == 3)
            assert {one["level_from"] for one in of(hook, "load")[2]["events"]} == {"ok"}, "they begin anew"


def test_of_a_pipeline_that_is_gone_at_a_start_only_the_alerts_of_ones_own_series_end(tmp_path):
    """The others are another shard's, who tells of them."""
    file, mine = (
        tmp_path / "sentio.yml",
        {str(i) for i in range(8) if owner(SeriesKey("load", (("i", str(i)),)), 2) == 1},
    )
    assert 0 < len(mine) < 8
    rules = "alerts: {warning: value > 0}, judgement: {enabled: false}"
    with prometheus(series=8) as source, FaultyServer(GOOD) as hook, FaultyServer(GOOD) as new:
        file.write_text(with_sinks(source.url, tmp_path, pipeline=f"query: load, {rules}", hook=hook.url))
        with running([file]):
            eventually(lambda: hook.requests)
        (begun,) = events_of(hook)
        assert len(begun["events"]) == 8
        without = config_text(source.url, tmp_path / "db", other="query: nothing, alerts: {enabled: false}")
        sinks = f"hook: {{type: webhook, url: '{hook.url}'}}, new: {{type: webhook, url: '{new.url}'}}"
        file.write_text(f"{without}sinks: {{{sinks}}}\nshard: {{index: 1, of: 2}}\n")
        for _ in range(2):
            with running([file]) as (_, web):
                eventually(lambda: len(hook.requests) == 2)
                assert 'query="load",state' not in get(f"{web.url}/metrics")[1]
        _, ended = events_of(hook)
        assert {one["labels"]["i"] for one in ended["events"]} == mine
        assert {(one["level_to"], one["cause"]) for one in ended["events"]} == {("ok", REMOVED)}
        assert new.requests == [], "it never heard of them"


class _Page:
    """A page that nobody looks at."""

    def emit(self, report):
        """Nothing."""


class _Box:
    """An outbox that delivers nothing."""

    def __init__(self, name):
        self.name = name

    def take(self, report, entry):
        """Nothing."""


def test_each_alert_keeps_the_names_of_those_who_were_told_of_it(tmp_path):
    alerting, journal, boxes = warned("value > 1"), Journal(tmp_path / "journal", Telemetry()), [_Box("hook")]
    fan = Fanout("q", _Page(), lambda _: boxes, journal)
    scores = scored([[5, 5], [0, 5]])
    state = alerting.blank(scores.keys)
    for column, name in enumerate(("hook", "mail")):
        boxes[:] = [_Box(name)]
        now = cut(scores, column, column + 1)
        state, _ = alerting.step(state, now)
        said = of_alerts("q", column, [event(of=scores.keys[column])])
        fan.emit(replace(said, scores=now, alerts=state))
    known = journal.alerts("q")
    journal.close()
    assert dict(zip(known.keys, known["@to"].tolist(), strict=True)) == dict(
        zip(scores.keys, ("hook", "mail"), strict=True)
    )


def test_an_unchanged_sink_keeps_its_queue_and_a_changed_one_tries_once_more(tmp_path):
    file = tmp_path / "sentio.yml"
    holds = threading.Event()

    def hold(request, connection):
        holds.wait(120)
        GOOD(request, connection)

    with prometheus() as source, FaultyServer(hold) as kept, FaultyServer(answer(text("no"), 503)) as changed:
        file.write_text(with_sinks(source.url, tmp_path, a=kept.url, b=f"{changed.url}/old"))
        with running([file]) as (service, _web):
            for _ in range(3):
                tell(service, event())
            eventually(lambda: len(kept.requests) == 1 and len(changed.requests) >= 1)
            changed.behave = GOOD
            file.write_text(with_sinks(source.url, tmp_path, a=kept.url, b=f"{changed.url}/new"))
            assert service.reload() is None
            eventually(lambda: [r.path for r in changed.requests].count("/old") >= 3)
            holds.set()
            eventually(lambda: len(kept.requests) == 3)
            tell(service, event())
            eventually(lambda: changed.requests[-1].path == "/new")
            assert len({r.headers["idempotency-key"] for r in changed.requests if r.path == "/old"}) == 3


def waiting(folder):
    with closing(sqlite3.connect(f"file:{folder}/db-alerts?mode=ro", uri=True)) as file:
        return [name for (name,) in file.execute("SELECT sink FROM waiting ORDER BY id")]


def test_what_waits_for_a_sink_that_a_reload_removes_is_dropped_counted_and_said(tmp_path, caplog):
    file = tmp_path / "sentio.yml"
    with prometheus() as source, FaultyServer(answer(text("no"), 503)) as a, FaultyServer(answer(text("no"), 503)) as b:
        file.write_text(with_sinks(source.url, tmp_path, a=a.url, b=b.url))
        with running([file]) as (service, web):
            tell(service, event())
            tell(service, event())
            eventually(lambda: waiting(tmp_path) == ["a", "b", "a", "b"])
            file.write_text(with_sinks(source.url, tmp_path, a=a.url))
            assert service.reload() is None
            eventually(lambda: waiting(tmp_path) == ["a", "a"])
            assert "sink b: 2 reports are left undelivered, and dropped, for the sink is gone" in caplog.text
            page = get(f"{web.url}/metrics")[1]
            assert metric(page, 'sentio_sink_dropped_total{query="load",sink="b"}') == 2
            assert metric(page, 'sentio_sink_queue_size{sink="b"}') is None
        a.behave = GOOD
        with running([file]):
            eventually(lambda: not waiting(tmp_path))
        assert len({request.headers["idempotency-key"] for request in a.requests}) == 2


def test_what_a_changed_sink_could_not_deliver_goes_to_where_it_is_now(tmp_path):
    file = tmp_path / "sentio.yml"
    with prometheus() as source, FaultyServer(answer(text("no"), 503)) as old, FaultyServer(GOOD) as new:
        file.write_text(with_sinks(source.url, tmp_path, a=old.url))
        with running([file]) as (service, _web):
            tell(service, event())
            tell(service, event())
            eventually(lambda: waiting(tmp_path) == ["a", "a"])
            file.write_text(with_sinks(source.url, tmp_path, a=new.url))
            assert service.reload() is None
            eventually(lambda: len(new.requests) == 2)
            eventually(lambda: not waiting(tmp_path))


def test_a_standing_alert_outlives_a_reload_that_begins_its_pipeline_anew(tmp_path):
    file, pipeline = tmp_path / "sentio.yml", "query: load, alerts: {warning: value > 0}"
    with prometheus() as source, FaultyServer(GOOD) as a:
        file.write_text(with_sinks(source.url, tmp_path, pipeline=pipeline, a=a.url))
        with running([file]) as (service, _web):
            eventually(lambda: len(a.requests) == 1)
            before = service.runners()[0]
            more = f"{pipeline}, train: {{window: 1d}}"
            file.write_text(with_sinks(source.url, tmp_path, pipeline=more, a=a.url))
            assert service.reload() is None
            (after,) = service.runners()
            assert after is not before
            assert [event.since for event in after.report.firing] == [event.since for event in before.report.firing]
            eventually(lambda: after.report.scores.values.size and np.isfinite(after.report.scores.values).all())
            assert len(after.report.firing) == 3
        assert len(a.requests) == 1
        assert len(events_of(a)[0]["events"]) == 3


def test_no_alert_begins_that_would_have_no_queue_to_go_to(tmp_path, monkeypatch):
    """At the end the receivers take nothing more: a tick that is under way must change no level then."""
    file, seen = tmp_path / "sentio.yml", []
    pipeline = "query: load, alerts: {warning: value > 0}"
    with prometheus() as source, FaultyServer(GOOD) as a:
        file.write_text(with_sinks(source.url, tmp_path, pipeline=pipeline, a=a.url))
        with running([file]) as (service, _web):
            (runner,) = service.runners()
            eventually(lambda: runner.report)
            stop = Outbox.stop

            def stop_and_score(box):
                stop(box)
                runner._memory = replace(runner._memory, alerts=runner.line.alerting.blank(()))  # all would begin
                runner._cursor = None
                runner.score(time.time_ns(), Tick())
                seen.append(runner._memory.alerts.keys)

            monkeypatch.setattr(Outbox, "stop", stop_and_score)
    assert seen
    assert not any(seen)


def test_the_end_tries_once_more_and_says_what_is_left(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    file = tmp_path / "sentio.yml"
    with prometheus() as source, FaultyServer(answer(text("no"), 503)) as server:
        file.write_text(with_sinks(source.url, tmp_path, a=server.url))
        with running([file]) as (service, _web):
            tell(service, event())
            tell(service, event())
            eventually(lambda: server.requests)
        assert "sink a: 2 reports are left undelivered" in caplog.text


class Own:
    """A sink of one's own, which takes whole reports."""

    class Options(Options):
        """None."""

    got: ClassVar[list[Report]] = []

    def __init__(self, _options: Options) -> None:
        pass

    def emit(self, report: Report) -> None:
        self.got.append(report)


def test_a_sink_of_ones_own_gets_whole_reports(tmp_path):
    file = tmp_path / "sentio.yml"
    with prometheus() as source:
        file.write_text(config_text(source.url, tmp_path / "db") + f"sinks: {{own: {{type: '{__name__}:Own'}}}}\n")
        with running([file]):
            eventually(lambda: any(len(report.scores.keys) == 3 for report in Own.got))


def notify(capsys, file, *names):
    code = main(["notify", f"--config.file={file}", *names])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err.splitlines()


def test_notify_says_what_each_answered(tmp_path, capsys):
    file = tmp_path / "sentio.yml"
    with FaultyServer(GOOD) as good, FaultyServer(answer(lambda r: b"no " + r.path.encode(), 403)) as bad:
        both = f", am: {{type: alertmanager, urls: ['{good.url}', 'http://127.0.0.1:1']}}"
        file.write_text(with_sinks("http://x", tmp_path, both, a=good.url, b=f"{bad.url}/hunter2Xyzzy"))
        assert notify(capsys, file, "a") == (0, ["a: delivered"], [])
        (told,) = events_of(good)
        assert told["subject"] == '[warning] test: sentio_test{instance="test"}'
        assert told["events"][0]["text"] == "This is a test of Sentio's alerts; nothing is the matter."
        code, said, _ = notify(capsys, file)
    assert code == 1
    assert said == [
        "a: delivered",
        "b: not delivered: webhook: refuses it (403: no <redacted>); "
        "a user name, password or token that may write is expected",
        "am[0]: delivered",
        "am[1]: not delivered: http://127.0.0.1:1: cannot be reached (Connection refused); "
        "a server that answers is expected",
    ]


def test_notify_refuses_what_is_no_sink(tmp_path, capsys):
    file = tmp_path / "sentio.yml"
    file.write_text(with_sinks("http://x", tmp_path, slack="http://y"))
    right = "slack is expected (did you mean slack?)"
    assert notify(capsys, file, "slak") == (2, [], [f'sentio notify: "slak" is no sink; {right}'])
    file.write_text(config_text("http://x", tmp_path / "db"))
    said = "sentio notify: the configuration has no sinks; one under sinks, at the top, is expected"
    assert notify(capsys, file) == (2, [], [said])


def test_check_touches_no_network(tmp_path):
    file = tmp_path / "sentio.yml"
    with FaultyServer(GOOD) as server:
        file.write_text(with_sinks(server.url, tmp_path, a=server.url))
        assert main(["check", str(file)]) == 0
        assert server.requests == []
