"""What is written of alerts and of what waits for their receivers, read back as it was."""

from __future__ import annotations

import logging
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentio.errors import StoreError
from sentio.journal import _FORM, Entry, Journal, Post
from sentio.message import identity
from sentio.reports import Event
from sentio.state import State
from sentio.telemetry import Telemetry
from sentio.types import SECOND, SeriesKey
from sentio.waiting import as_report, as_state
from tests.servers import until
from tests.sinks.alerts import CRITICAL, ODD, OK, WARNING, event, key, report


def opened(path: Path) -> Journal:
    return Journal(path, Telemetry())


def alerts(level: int, *names: str) -> State:
    keys = tuple(SeriesKey("m", (("i", name),)) for name in names)
    return State(keys, {"level": np.full(len(keys), level, np.int8)})


def put(journal: Journal, *posts: Post, alerts_: State | None = None) -> Entry:
    entry = Entry({"cpu": alerts_} if alerts_ else {}, {journal.number(): post for post in posts})
    journal.write(entry)
    return entry


def same(one: Event, other: Event) -> None:
    for name in Event.__slots__:
        before, after = getattr(one, name), getattr(other, name)
        assert type(before) is type(after)
        np.testing.assert_array_equal(before, after)


def test_a_report_is_the_same_after_it() -> None:
    nan = float("nan")
    one = event(CRITICAL, OK, of=ODD, text="line\r\nbreak \ud800 ü", cause="a\nb", kind="spike")
    odd = event(OK, WARNING, value=nan, yhat=float("inf"), lower=-1e308, score=5e-324, recent=one.recent[:, :0])
    short = event(of=key("short"), recent=one.recent[:, -3:])
    before = replace(report(one, odd, short, firing=(odd,), every=3600 * SECOND), unlisted=2)
    after = as_report(before.pipeline, before.at, State.from_arrays(as_state(before).to_arrays()))
    assert (after.pipeline, after.at, after.firing) == (before.pipeline, before.at, ())
    assert (after.every, after.standing) == (before.every, 3)
    assert identity(after) == identity(before), "a receiver that has it knows it again"
    for was, is_ in zip(before.events, after.events, strict=True):
        same(was, is_)


def test_what_was_written_before_it_was_known_how_many_stand_is_read() -> None:
    before = report(event())
    state = as_state(before)
    older = State(state.keys, {name: a for name, a in state.arrays.items() if name not in ("every", "standing")})
    after = as_report(before.pipeline, before.at, older)
    assert identity(after) == identity(before)
    assert (after.every, after.standing) == (0, 0)


def test_of_a_thousand_alerts_the_worst_alone_have_their_picture() -> None:
    many = [event(of=key(i), score=float(i)) for i in range(1000)]
    state = as_state(report(*many))
    assert np.flatnonzero(state["width"]).tolist() == list(range(980, 1000))


def test_what_was_written_is_there_again_in_its_order(tmp_path: Path) -> None:
    journal, path = opened(tmp_path / "j"), tmp_path / "j"
    first, second, third = (Post(name, report(event(of=key(name)))) for name in ("a", "b", "a"))
    put(journal, first, second, alerts_=alerts(1, "x"))
    put(journal, third, alerts_=alerts(2, "x", "y"))
    journal.write(Entry(gone={2}))
    journal.close()
    again = opened(path)
    waiting = again.waiting()
    assert [(number, post.sink) for number, post in waiting.items()] == [(1, "a"), (3, "a")]
    assert identity(waiting[3].report) == identity(third.report)
    assert again.waiting() == {}, "once"
    assert again.number() == 4
    known = again.alerts("cpu")
    assert known is not None
    assert (known.keys, known["level"].tolist()) == (alerts(2, "x", "y").keys, [2, 2])
    assert again.alerts("other") is None
    again.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "j"
    journal = opened(path)
    assert put(journal, Post("a", report(event()))).written.wait(30)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert len(list(path.parent.iterdir())) == 3
    journal.close()


def test_what_comes_and_goes_meanwhile_is_not_written(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j")
    said: list[str] = []
    journal._database.set_trace_callback(said.append)
    hold = threading.Lock()
    commit, journal._commit = journal._commit, lambda entry: hold.acquire() and commit(entry)  # type: ignore[method-assign]
    with hold:
        put(journal, Post("a", report(event())))
        until(lambda: not journal._pending, 30, "the first is under way")
        late = put(journal, Post("b", report(event())), alerts_=alerts(1, "x"))
        journal.write(Entry(gone={2}))
    until(hold.locked, 30, "it goes on")
    hold.release()
    assert late.written.wait(30)
    journal.close()
    assert sum(text.startswith("INSERT") and "waiting" in text for text in said) == 1
    assert not any(text.startswith("DELETE") for text in said)


def test_a_full_disk_is_said_once_and_nobody_waits_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("sentio.journal._AGAIN_S", 0.05)
    monkeypatch.setattr("sentio.journal._FORM", replace(_FORM, most=40_960))
    telemetry = Telemetry()
    journal = Journal(tmp_path / "j", telemetry)
    rng = np.random.default_rng(1)
    many = report(*(event(of=key(rng.bytes(64).hex())) for _ in range(1000)))
    assert put(journal, Post("a", many)).written.wait(30), "its message is sent all the same"
    until(lambda: telemetry.registry.get_sample_value("sentio_store_saves_total", {"outcome": "failed"}), 30, "counted")
    said = (
        "alerts are not written (database or disk is full), so a kill may lose some; room and permission are expected"
    )
    assert caplog.text.count(said) == 1
    journal.write(Entry(gone={1}))
    until(lambda: "works again" in caplog.text, 30, "there is room")
    assert put(journal, Post("a", report(event()))).written.wait(30)
    journal.close()
    again = opened(tmp_path / "j")
    assert list(again.waiting()) == [2]
    again.close()
    assert (tmp_path / "j").stat().st_size <= 40_960


def test_a_full_file_takes_what_comes_as_soon_as_something_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentio.journal._FORM", replace(_FORM, most=40_960))
    journal = opened(tmp_path / "j")
    rng = np.random.default_rng(1)
    large = Post("a", report(*(event(of=key(rng.bytes(64).hex())) for _ in range(40))))
    last = 1
    while journal._commit(Entry(posts={last: large})):
        last += 1
    assert 2 < last < 20
    assert journal._commit(Entry(posts={last: large}, gone={1}))
    journal.close()
    again = opened(tmp_path / "j")
    assert list(again.waiting()) == list(range(2, last + 1))
    again.close()


def test_what_is_written_is_on_the_disk_and_never_more_than_its_bound(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j")
    ((synchronous,),) = journal._database.execute("PRAGMA synchronous").fetchall()
    ((pages,),) = journal._database.execute("PRAGMA max_page_count").fetchall()
    journal.close()
    assert (synchronous, pages * 4096) == (2, 256 * 2**20)


def test_writing_returns_while_the_disk_hangs(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j")
    with closing(sqlite3.connect(tmp_path / "j")) as other:
        other.execute("BEGIN IMMEDIATE")  # as a disk that does not answer
        entries = [put(journal, Post("a", report(event()))) for _ in range(100)]
        assert not entries[0].written.is_set()
        other.rollback()
    assert entries[-1].written.wait(30)
    journal.close()


def test_a_damaged_row_costs_that_row(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    put(journal, *(Post("a", report(event(), at=i)) for i in range(3)), alerts_=alerts(1, "x"))
    journal.close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE waiting SET arrays = X'00' WHERE id = 2")
        arrays = file.execute("SELECT arrays FROM alerts").fetchone()
        file.execute("UPDATE waiting SET arrays = ? WHERE id = 3", arrays)  # whole, and something else
        file.execute("UPDATE alerts SET arrays = X'00'")
    telemetry = Telemetry()
    journal = Journal(path, telemetry)
    assert list(journal.waiting()) == [1]
    assert journal.alerts("cpu") is None
    assert telemetry.registry.get_sample_value("sentio_store_set_aside_total") == 3
    assert "waiting of 2 is damaged" in caplog.text
    journal.close()
    caplog.clear()
    opened(path).close()
    assert caplog.text == "", "said once"


def test_no_byte_of_a_row_that_is_another_stops_a_start(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    put(journal, Post("a", report(event())))
    journal.close()
    with closing(sqlite3.connect(path)) as file, file:
        ((arrays,),) = file.execute("SELECT arrays FROM waiting").fetchall()
        for number, at in enumerate(range(0, len(arrays), 7), start=2):
            damaged = arrays[:at] + bytes([arrays[at] ^ 1]) + arrays[at + 1 :]
            file.execute("INSERT INTO waiting SELECT ?, sink, pipeline, at, ? FROM waiting LIMIT 1", (number, damaged))
    journal = opened(path)
    assert 1 in journal.waiting()
    journal.close()


def test_a_defect_costs_one_entry_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = opened(tmp_path / "j")
    odd = report(event(since="yesterday"))  # type: ignore[arg-type] # as a defect of ours might have it
    assert put(journal, Post("a", odd)).written.wait(30)
    assert put(journal, Post("a", report(event()))).written.wait(30)
    journal.close()
    assert "alerts are not written" in caplog.text
    again = opened(tmp_path / "j")
    assert list(again.waiting()) == [2]
    again.close()


def test_a_damaged_row_on_a_disk_that_is_full_stops_no_start(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = opened(path)
    put(journal, Post("a", report(event())))
    journal.close()
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE waiting SET arrays = X'00'")
        file.execute("CREATE TRIGGER full BEFORE DELETE ON waiting BEGIN SELECT RAISE(FAIL, 'full'); END")
    for _ in range(2):
        journal = opened(path)
        assert journal.waiting() == {}
        journal.close()


def test_where_no_file_can_be_had_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        opened(tmp_path / "j")
