"""What outlives a restart, whatever happened to the file."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sentio import build
from sentio.claim import Claim
from sentio.config.load import load
from sentio.errors import StoreError
from sentio.runner import Runner
from sentio.service import Service
from sentio.state import SeriesStatus, State
from sentio.store import VERSION, Store
from sentio.types import SCORE, SECOND, SeriesKey
from sentio.web.app import make_server
from tests.faulty import FaultyServer, answer, text
from tests.service import saver
from tests.service.support import config_text, eventually, get, metric, prometheus, running

DATA = Path(__file__).parent.parent / "data"
KEYS = (SeriesKey("m", (("a", 'x"\n\\é😀'),)), SeriesKey("", ()))
BETA = np.array([[1.5, np.nan], [np.inf, -0.0]])
STATE = State(KEYS, {"status": np.array([1, 0], np.int8), "beta": BETA, "detail": np.array(["", "why"])})


def assert_same(a: State | None, b: State) -> None:
    assert a is not None
    assert a.keys == b.keys
    assert a.arrays.keys() == b.arrays.keys()
    for name in b.arrays:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(a[name], b[name])


def test_a_state_comes_back_as_it_was(tmp_path):
    store = Store(tmp_path / "deep" / "er" / "sentio.db")
    store.save("cpu", "f1", STATE, 1)
    store.save("cpu", "f1", STATE.select(np.array([1])), 2)
    store.save("mem", "f2", STATE, 3)
    store.close()
    again = Store(tmp_path / "deep" / "er" / "sentio.db")
    assert_same(again.load("cpu", "f1"), STATE.select(np.array([1])))
    assert_same(again.load("mem", "f2"), STATE)
    assert again.load("mem", "other options") is None
    assert again.load("disk", "f1") is None
    assert again.set_aside is None


def test_what_was_not_saved_for_two_weeks_goes_but_for_what_is_configured(tmp_path, caplog):
    caplog.set_level("INFO")
    now, day = time.time_ns(), 86_400 * SECOND
    store = Store(tmp_path / "sentio.db")
    for alias, age in {"load": 400, "gone": 15, "lately": 13}.items():
        store.save(alias, "f", STATE, now - age * day)
    store.close()
    config = tmp_path / "sentio.yml"
    config.write_text(config_text("http://127.0.0.1:1", tmp_path / "sentio.db"))
    with running([config]):
        pass
    store = Store(tmp_path / "sentio.db")
    assert [alias for alias in ("load", "gone", "lately") if store.load(alias, "f")] == ["load", "lately"]
    store.close()
    assert f"store {tmp_path / 'sentio.db'}: the state of gone, which is no pipeline any more, is let go" in caplog.text


def test_a_save_makes_no_second_copy_of_the_state(tmp_path):
    arrays = {f"a{i}": np.random.default_rng(i).normal(size=(2, 50_000)) for i in range(20)}
    state, store = State(KEYS, arrays), Store(tmp_path / "sentio.db")
    tracemalloc.start()
    try:
        store.save("cpu", "f", state, 1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 0.2 * sum(array.nbytes for array in arrays.values())
    assert_same(store.load("cpu", "f"), state)


def garbage(path):
    path.write_bytes(b"\x00garbage" * 5000)


def newer(path):
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()


def overwritten_in_the_middle(path):
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def with_a_table_that_is_no_text(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(b"STRICT", b"STRI\x81T"))


def with_a_schema_of_no_format(path):
    data = bytearray(path.read_bytes())
    data[47] = 0xFF
    path.write_bytes(data)


def of_another_program(path):
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
    database.close()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (garbage, "file is not a database"),
        (newer, f"its version is {VERSION + 1}; {VERSION} is expected"),
        (overwritten_in_the_middle, "it is damaged: "),
        (with_a_table_that_is_no_text, "it is damaged: its tables cannot be read"),
        (with_a_schema_of_no_format, "unsupported file format"),
        (of_another_program, f"its version is 0; {VERSION} is expected"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_an_unusable_file_is_set_aside_and_said_so(tmp_path, caplog, damage, why):
    path = tmp_path / "sentio.db"
    store = Store(path)
    store.save("cpu", "f", STATE, 1)
    store.close()
    damage(path)
    damaged = path.read_bytes()
    store = Store(path)
    assert store.set_aside is not None
    assert store.set_aside.read_bytes() == damaged
    (message,) = caplog.messages
    assert message.startswith(f"store {path}: ")
    assert why in message
    assert message.endswith(f"; it is set aside as {store.set_aside}, and the start goes on without it")
    store.save("cpu", "f", STATE, 2)
    assert_same(store.load("cpu", "f"), STATE)


def test_a_damaged_row_is_told_and_the_others_are_read(tmp_path):
    path = tmp_path / "sentio.db"
    store = Store(path)
    store.save("cpu", "f", STATE, 1)
    store.save("mem", "f", STATE, 1)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE states SET arrays = substr(arrays, 1, 100) WHERE pipeline = 'cpu'")
    database.close()
    with pytest.raises(StoreError, match=r"the state of cpu is damaged .*; it will be learned anew"):
        store.load("cpu", "f")
    assert_same(store.load("mem", "f"), STATE)


def without_beta(arrays):
    del arrays["beta"]


def of_another_width(arrays):
    arrays["beta"] = np.zeros((saver.SERIES, arrays["beta"].shape[1] + 3))


def of_text(arrays):
    arrays["scale"] = np.full(saver.SERIES, "one")


@pytest.mark.parametrize("change", [without_beta, of_another_width, of_text], ids=lambda f: f.__name__)
def test_a_state_of_another_layout_is_learned_anew(tmp_path, caplog, change):
    path, database = tmp_path / "sentio.yml", tmp_path / "sentio.db"
    path.write_text(config_text("http://127.0.0.1:1", database))
    pipeline = load([path], os.environ).pipelines["load"]
    state = saver.state(1.0)
    arrays = dict(state.arrays)
    change(arrays)
    store = Store(database)
    store.save("load", build.fingerprint(pipeline), State(state.keys, arrays), 1)
    store.close()
    with running([path]) as (service, web):
        assert metric(get(f"{web.url}/metrics")[1], "sentio_store_set_aside_total") == 1
        assert service.runners()[0].state.keys == ()
    (said,) = [m for m in caplog.messages if m.startswith(f"store {database}: ")]
    assert said.startswith(f"store {database}: the state of load does not fit (")
    assert said.endswith("); it will be learned anew")


RAISING = """
import pathlib
from tests.configs.own.detectors import Plain

class Raising(Plain):
    def score(self, state, fresh):
        if pathlib.Path({flag!r}).exists():
            raise RuntimeError("a defect")
        return super().score(state, fresh)
"""


def test_a_detector_that_raises_at_a_start_or_a_reload_stops_no_other_pipeline(tmp_path, caplog):
    path, database, flag, own = (tmp_path / name for name in ("sentio.yml", "sentio.db", "flag", "own.py"))
    own.write_text(RAISING.format(flag=str(flag)))

    def write(url, horizon="5m"):
        more = f"query: load, train: {{window: 1h}}, forecast: {{horizons: [{horizon}]}}, detector: "
        mine, other = f"{more}{{type: '{own}:Raising'}}", f"{more}{{type: mad}}"
        path.write_text(config_text(url, database, mine=mine, other=other))

    def known(service):
        return [bool(runner.state.keys) for runner in service.runners()]

    with prometheus(hours=1) as source:
        write(source.url)
        with running([path]) as (service, _):
            eventually(lambda: known(service) == [True, True])
        flag.touch()
        with running([path]) as (service, _):
            assert known(service) == [False, True]
            (said,) = [m for m in caplog.messages if m.startswith(f"store {database}: the state of mine ")]
            assert said.endswith("does not fit (RuntimeError: a defect); it will be learned anew")
            flag.unlink()
            eventually(lambda: known(service) == [True, True])
            flag.touch()
            write(source.url, "10m")
            # All pipelines had lost their ticks, and the one that raises did not get them back.
            assert service.reload() is None
            flag.unlink()
            eventually(lambda: known(service) == [True, True])


def test_a_save_that_fails_at_the_end_keeps_nothing_else_from_its_end(tmp_path, monkeypatch, caplog):
    path, real, tried = tmp_path / "sentio.yml", Store.save, []
    path.write_text(config_text("http://127.0.0.1:1", tmp_path / "db", a="query: a", b="query: b", c="query: c"))

    def save(self, alias, *more):
        tried.append(alias)
        if alias == "b":
            raise RuntimeError("a defect")
        real(self, alias, *more)

    with running([path]) as (service, web):
        # A tick that is under way would put its own memory in place of another.
        monkeypatch.setattr(Runner, "snapshot", lambda _: saver.state(1.0))
        monkeypatch.setattr(Store, "save", save)
        service.stop()
        assert sorted(tried) == ["a", "b", "c"]
        assert "pipeline b: its state could not be saved" in caplog.messages
        with pytest.raises(OSError, match="refused"):
            get(f"{web.url}/-/healthy")
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            service._store._database.execute("SELECT 1")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be opened \(.*\); a path that may be written is expected"):
        Store(tmp_path / "file" / "sentio.db")


def test_a_second_sentio_on_a_store_is_refused_before_it_touches_anything(tmp_path):
    config = tmp_path / "sentio.yml"
    config.write_text(config_text("http://127.0.0.1:1", tmp_path / "sentio.db"))
    store = tmp_path / "sentio.db"
    expected = (
        f"store {store}: another Sentio is at work with it; an end of that one, or another store.path, is expected"
    )
    with running([config]) as (_, web):
        second = Service(lambda: load([config], os.environ), lambda: "")
        with pytest.raises(StoreError, match=f"^{re.escape(expected)}$"):
            second.start(lambda s: make_server(s, "127.0.0.1", 0))
        assert second._store is second._journal is None
        assert get(f"{web.url}/-/healthy")[0] == 200
        second.stop()
    with running([config]):
        pass


def test_a_store_whose_file_system_knows_no_locks_is_used_all_the_same(tmp_path, monkeypatch, caplog):
    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refused)
    Claim(tmp_path / "sentio.db").release()
    assert "whether another Sentio is at work with it cannot be known" in caplog.text


def test_a_state_never_holds_code(tmp_path):
    store = Store(tmp_path / "sentio.db")
    with pytest.raises(ValueError, match="array evil holds objects"):
        store.save("cpu", "f", State(KEYS[:1], {"evil": np.array([print], dtype=object)}), 1)


OLDER = DATA / "store_0.1.0.zip"
BEGAN = 1_795_809_585 * SECOND
"""When the alerts began that its pipeline ``load`` has."""


def test_a_store_of_an_older_version_is_used_as_far_as_it_is_understood(tmp_path, caplog):
    """Its judges are no records, of alerts it does not say when they changed last, and of what was flagged nothing."""
    file, expected = tmp_path / "sentio.yml", {SeriesKey("load", (("i", str(i)),)) for i in range(3)}
    with zipfile.ZipFile(OLDER) as older:
        older.extractall(tmp_path)

    def configure(url, hook, rules):
        pipelines = {
            "load": f"query: load, alerts: {{{rules}}}, train: {{ttl: 20000d}}",
            "learns": "query: load, detector: {type: gaussian1d}, train: {ttl: 20000d}",
        }
        sinks = f"sinks: {{hook: {{type: webhook, url: '{hook.url}'}}}}\n"
        file.write_text(config_text(url, tmp_path / "db", **pipelines) + sinks)

    with FaultyServer(answer(text("ok"))) as hook, prometheus() as source:
        configure("http://127.0.0.1:1", hook, "warning: value > 0")
        with running([file]) as (service, web):
            load, learns = service.runners()
            for one in (load, learns):
                assert set(one.state.keys) == set(one.report.scores.keys) == expected
                assert (one.state["status"] == SeriesStatus.READY).all()
            assert np.isfinite(load.report.forecast.yhat).all(), "models are of use"
            assert (load.line.judge.times(load._memory.judged) < 0).all(), "judges begin anew"
            assert {(one.key, one.since) for one in load.report.firing} == {(key, BEGAN) for key in expected}
            assert metric(get(f"{web.url}/metrics")[1], "sentio_store_set_aside_total") == 0
        assert not hook.requests, "nobody is told again of what stands"
        configure(source.url, hook, "warning: value > 1000, recovery: 1")
        with running([file]) as (service, _):
            load, learns = service.runners()
            eventually(lambda: np.isfinite(load.report.scores.outputs[SCORE]).all())
            eventually(lambda: hook.requests)
            assert load.errors == learns.errors == {"score": "", "train": ""}
    ended = json.loads(hook.requests[0].body)["events"]
    assert [(one["level_from"], one["level_to"]) for one in ended] == 3 * [("warning", "ok")]
    assert not [said for said in caplog.messages if said.startswith("store ")]
