"""Alerts survive a kill: what was to be told is told after it, and what was told is not told again."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faulty import FaultyServer, OneSeries, answer, in_turn, matrix, text, wave
from tests.servers import LOOPBACK, SentioProcess, free_port, until
from tests.service import teller
from tests.sinks.alertmanagers import AlertmanagerProcess
from tests.sinks.mailbox import mailbox

GOOD, BUSY = answer(text("ok")), answer(text("not now"), 503)
SECRET = "hunter2Xyzzy"  # noqa: S105 - what is looked for
SOON = 60
PIPELINE = {
    "source": "prom",
    "query": "m",
    "step": "1s",
    "ttl": "2m",
    "train": {"window": "5m", "every": "5m"},
    "detector": {"type": "gaussian1d"},
    "alerts": {"warning": "value > 50", "recovery": 2},
}


class Stage:
    """Sentio over one series whose value the test sets, with a receiver of each kind, all of them down."""

    def __init__(self, folder: Path, source: FaultyServer) -> None:
        self.value = 10.0
        self._source = source
        self.behave(OneSeries({"__name__": "m", "host": "grün"}, lambda _: self.value))
        self.hook = FaultyServer(GOOD)
        self.hook.up()
        self.hook.down()  # its port is known by now
        self.mail_port = free_port()
        self.alertmanager = AlertmanagerProcess(folder / "am")
        self.sentio = SentioProcess(folder / "sentio")
        self.journal = folder / "sentio" / "sentio.db-alerts"
        self.source, self.sinks, self.pipelines = source.url, self._sinks(), {"q": PIPELINE}
        self.configure()

    def _sinks(self) -> dict[str, Any]:
        mail = {"host": LOOPBACK, "port": self.mail_port, "security": "none"}
        return {
            "hook": {"type": "webhook", "url": f"{self.hook.url}/{SECRET}", "headers": {"X-Token": SECRET}},
            "mail": {"type": "email", **mail, "from": "a@example.org", "to": ["b@example.org"]},
            "am": {"type": "alertmanager", "urls": [self.alertmanager.url], "resend_every": "1s"},
        }

    def configure(self) -> None:
        self.sentio.configure(
            {
                "sources": {"prom": {"type": "prometheus", "url": self.source, "timeout": "5s", "retries": 0}},
                "pipelines": self.pipelines,
                "sinks": self.sinks,
            }
        )

    def behave(self, *series: OneSeries) -> None:
        """The source has these from now on."""
        self._source.behave = answer(matrix(*series))

    def level(self, host: str = "grün") -> float | None:
        return self.sentio.page().get("sentio_alert_level", query="q", host=host)

    def written(self) -> tuple[int, int]:
        """Pipelines with alerts, and reports that wait, as they are on the disk."""
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as file:
            return (
                file.execute("SELECT count(*) FROM alerts").fetchone()[0],
                file.execute("SELECT count(*) FROM waiting").fetchone()[0],
            )

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(request.body)["events"][0] for request in self.hook.requests]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with FaultyServer(GOOD) as source:
        made = Stage(tmp_path, source)
        try:
            yield made
        finally:
            made.sentio.kill()
            made.alertmanager.stop()
            made.hook.down()


def test_what_waited_at_a_kill_is_told_once_and_so_is_an_end_that_came_while_it_was_dead(stage: Stage) -> None:
    stage.sentio.start()
    until(lambda: stage.level() == 0, SOON, "it is judged")
    stage.value = 90.0
    until(lambda: stage.level() == 2, SOON, "the alert")
    until(lambda: stage.written() == (1, 3), SOON, "its messages wait")
    stage.sentio.kill()
    data = b"".join(file.read_bytes() for file in stage.journal.parent.glob("sentio.db-alerts*"))
    assert SECRET.encode() not in data
    modes = {file.name: file.stat().st_mode & 0o777 for file in stage.journal.parent.glob("sentio.db-alerts*")}
    assert set(modes.values()) == {0o600}, modes

    stage.hook.up()
    with mailbox(port=stage.mail_port) as box, stage.alertmanager:
        stage.sentio.start()
        until(lambda: stage.told() and box.mails and stage.alertmanager.alerts(), SOON, "all are told")
        until(lambda: stage.written() == (1, 0), SOON, "nothing waits any more")
        (standing,) = stage.alertmanager.alerts()
        time.sleep(3)  # three more samples
        assert [(e["level_from"], e["level_to"]) for e in stage.told()] == [("ok", "warning")]
        assert len(box.mails) == 1
        stage.sentio.kill()

        stage.value = 10.0
        stage.sentio.start()
        until(lambda: len(stage.told()) == 2 and len(box.mails) == 2, SOON, "its end is told")
        until(lambda: not stage.alertmanager.alerts(), SOON, "to Alertmanager, too")
        time.sleep(3)
        assert [(e["level_from"], e["level_to"]) for e in stage.told()] == [("ok", "warning"), ("warning", "ok")]
        begun, ended = stage.told()
        assert begun["since"] == ended["since"], "of the same alert"
        assert standing["startsAt"][:19] == begun["since"][:19]
        assert [mail["Subject"].partition("]")[0] for mail in box.mails] == ["[warning", "[resolved"]
        assert 'host="grün"' in box.mails[1]["Subject"]
        stage.sentio.stop()


def test_an_orderly_end_loses_nothing_either(stage: Stage) -> None:
    stage.sinks.pop("am")
    stage.configure()
    stage.sentio.start()
    stage.value = 90.0
    until(lambda: stage.level() == 2, SOON, "the alert")
    until(lambda: stage.written() == (1, 2), SOON, "its messages wait")
    stage.sentio.stop()
    assert "sink mail: 1 reports are left undelivered, and tried again at the next start" in stage.sentio.log
    stage.sinks.pop("mail")
    stage.configure()
    stage.hook.up()
    stage.sentio.start()
    until(stage.told, SOON, "told")
    said = "sink mail: 1 reports waited for it, and are dropped, for the sink is gone"
    assert said in stage.sentio.log
    assert stage.sentio.page().get("sentio_sink_dropped_total", query="q", sink="mail") == 1
    until(lambda: stage.written() == (1, 0), SOON, "nothing waits any more")
    stage.sentio.stop()
    assert len(stage.told()) == 1


def test_a_series_that_was_let_go_of_is_not_missed_once_more_after_a_kill(stage: Stage, tmp_path: Path) -> None:
    """Killed while it is told of as missing, and after the end of that, with a save from before both."""
    stage.sinks = {"hook": stage.sinks["hook"]}
    stage.pipelines = {"q": {**PIPELINE, "ttl": "8s", "detector": {"type": "prophet"}, "alerts": {}}}
    stage.configure()
    stage.hook.up()
    both = [OneSeries({"__name__": "m", "host": host}, wave(20.0)) for host in ("stays", "goes")]
    stage.behave(*both)
    stage.sentio.start()
    until(lambda: len(stage.sentio.page().all("sentio_anomaly_score", query="q")) == 2, SOON, "they are judged")
    stage.sentio.stop()
    store, before = stage.journal.with_name("sentio.db"), tmp_path / "before.db"
    shutil.copy(store, before)

    def kill_and_start() -> None:
        until(lambda: stage.written() == (1, 0), SOON, "nothing is under way")
        stage.sentio.kill()
        for file in store.parent.glob("sentio.db-[ws]*"):
            file.unlink()
        shutil.copy(before, store)
        stage.sentio.start()

    def ticks() -> float:
        return stage.sentio.page().get("sentio_ticks_total", query="q", tick="score", outcome="ok") or 0

    stage.sentio.start()
    until(lambda: stage.level("goes") == 0, SOON, "it goes on")
    stage.behave(both[0])
    until(stage.told, SOON, "it is missing")
    kill_and_start()
    assert stage.level("goes") == 2, "its alert stands"
    until(lambda: len(stage.told()) == 2, SOON, "it is not awaited any more")
    kill_and_start()
    assert (stage.level("goes"), stage.level("stays")) == (None, 0)
    until(lambda: ticks() > 15, SOON, "long enough for being missed, and for the end of that")
    stage.behave(*both)
    until(lambda: stage.level("goes") == 0, SOON, "it is back")
    begun, ended = stage.told()
    assert (begun["level_from"], begun["level_to"], begun["kind"]) == ("ok", "warning", "missing")
    assert (ended["level_to"], ended["cause"]) == ("ok", "series stopped arriving")
    assert begun["since"] == ended["since"]
    stage.sentio.stop()


def test_the_alerts_of_a_pipeline_that_is_gone_at_a_start_end(stage: Stage) -> None:
    """As by a reload: once, also if that start is killed before its message is sent, and who never heard of them hears
    of no end."""
    other = {**PIPELINE, "query": "n", "alerts": {"enabled": False}}
    stage.pipelines = {"q": {**PIPELINE, "sinks": ["hook"]}, "other": other}
    stage.sinks = {"hook": stage.sinks["hook"], "mail": stage.sinks["mail"]}
    stage.configure()
    stage.hook.up()
    stage.sentio.start()
    stage.value = 90.0
    until(lambda: len(stage.told()) == 1, SOON, "the alert")
    until(lambda: stage.written() == (1, 0), SOON, "it is delivered")
    stage.sentio.kill()
    stage.hook.down()

    stage.pipelines = {"other": other}
    stage.configure()
    for _ in range(2):
        stage.sentio.start()
        until(lambda: stage.written() == (1, 1), SOON, "its end waits")
        stage.sentio.kill()
    stage.hook.up()
    for _ in range(2):
        stage.sentio.start()
        until(lambda: stage.written() == (1, 0), SOON, "it is told")
        stage.sentio.stop()
    begun, ended = stage.told()
    assert (ended["level_from"], ended["level_to"], ended["since"]) == ("warning", "ok", begun["since"])
    assert ended["cause"] == "pipeline is no longer in the configuration"
    assert ended["text"].startswith("is no longer watched; its alert has ended after ")

    stage.pipelines = {"q": PIPELINE, "other": other}
    stage.configure()
    stage.sentio.start()
    until(lambda: len(stage.told()) == 3, SOON, "it begins anew")
    assert stage.told()[2]["level_from"] == "ok"
    stage.sentio.stop()


@pytest.mark.parametrize(
    ("what", "saved"), [("garbage", False), ("cut", True), ("another", False), ("row", True), ("folder", True)]
)
def test_a_journal_that_cannot_be_used_is_told_of_and_stops_no_start(stage: Stage, what: str, saved: bool) -> None:
    """Whether or not the store has the alert: a save at the end is as one by a training between alert and kill."""
    stage.sinks = {"hook": stage.sinks["hook"]}
    stage.configure()
    stage.sentio.start()
    stage.value = 90.0
    until(lambda: stage.level() == 2, SOON, "the alert")
    until(lambda: stage.written() == (1, 1), SOON, "its message waits")
    if saved:
        stage.sentio.stop()
    else:
        stage.sentio.kill()
    damage(stage.journal, what)
    stage.hook.up()
    stage.sentio.start()
    assert stage.sentio.page().get("sentio_store_set_aside_total") == (2 if what == "row" else 1)
    until(stage.told, SOON, "the alert is told anew")
    assert len(list(stage.journal.parent.glob("*.unusable-*"))) == (what in ("garbage", "cut", "another"))
    said = {
        "garbage": "file is not a database; it is set aside as",
        "cut": "; it is set aside as",
        "another": "it holds other; alerts, waiting is expected; it is set aside as",
        "row": "waiting of 1 is damaged",
        "folder": "cannot be opened (",
    }
    assert said[what] in stage.sentio.log
    stage.sentio.stop()
    assert "Traceback" not in stage.sentio.log


def damage(journal: Path, what: str) -> None:
    with closing(sqlite3.connect(journal)) as file:
        if what == "row":
            with file:
                file.execute("UPDATE waiting SET arrays = X'0102'")
                file.execute("UPDATE alerts SET arrays = X'0102'")
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it is in the one file then
    for beside in journal.parent.glob("sentio.db-alerts-*"):
        beside.unlink()
    if what == "garbage":
        journal.write_bytes(b"garbage" * 1000)
    elif what == "cut":
        whole = journal.read_bytes()
        journal.write_bytes(whole[: len(whole) // 2])
    elif what in ("another", "folder"):
        journal.unlink()
    if what == "another":
        with closing(sqlite3.connect(journal)) as file, file:
            file.execute("CREATE TABLE other (a)")
            file.execute("PRAGMA user_version = 1")
    elif what == "folder":
        journal.mkdir()


class Teller:
    """A `tests.service.teller`, and the receiver that it tells."""

    def __init__(self, folder: Path, server: FaultyServer) -> None:
        self.told: dict[str, list[dict[str, Any]]] = {}
        self.order: list[int] = []
        server.behave = in_turn(*[BUSY, self._take] * 500, self._take)
        command = [sys.executable, "-m", "tests.service.teller", str(folder / "journal"), server.url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _take(self, request: Any, connection: Any) -> None:
        if len(request.body) < int(request.headers["content-length"]):
            return  # it was killed in the middle of sending
        key = request.headers["idempotency-key"]
        self.told.setdefault(key, json.loads(request.body)["events"])
        self.order.append(list(self.told).index(key))
        GOOD(request, connection)

    def run(self, first: int, ticks: int, die_at: int = 0) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{first} {ticks} {die_at}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def chains(self) -> dict[str, list[str]]:
        """The levels of each series, as the receiver was told them; each message begins where the last one ended."""
        found: dict[str, list[str]] = {}
        for event in (event for events in self.told.values() for event in events):
            chain = found.setdefault(event["labels"]["i"], ["ok"])
            assert chain[-1] == event["level_from"], f"{event['labels']}: something was lost, or told twice"
            chain.append(event["level_to"])
        return found

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate()


def test_a_kill_between_any_two_steps_loses_nothing(tmp_path: Path) -> None:
    """Steps are each statement of the journal, and what comes before and after a tick's telling and a sending. Killed
    at the first, the second, and so on, with the journal of the last one, what the receiver hears is one story."""
    steps, ticks = 60, 12
    with FaultyServer(GOOD) as server:
        teller_ = Teller(tmp_path, server)
        try:
            ended = [teller_.run(ticks * die_at, ticks, die_at) for die_at in range(1, steps)]
            levels = teller_.run(ticks * steps, ticks)
        finally:
            teller_.end()
    assert ended.count("killed") > 30, "most of them met one"
    chains = teller_.chains()
    names = ["ok", "info", "warning", "critical"]
    assert [chains[str(i)][-1] for i in range(len(teller.KEYS))] == [names[int(level)] for level in levels.split(",")]
    assert len(teller_.told) > steps / 2, "most of them told of something, as soon as the threads took turns"
    # What had been delivered, and was not known to be so on the disk, comes again with the same key.
    onward = np.diff(teller_.order)
    assert onward.max() == 1, "what comes again is the newest, and in the same order"
    assert 0 < (onward < 1).sum() <= ended.count("killed"), "and after a kill alone"
