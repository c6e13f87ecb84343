"""What outlives a restart, whatever happened to the file."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from sentio.errors import StoreError
from sentio.store import VERSION, Store
from sentio.types import SeriesKey, State

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


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be opened \(.*\); a path that may be written is expected"):
        Store(tmp_path / "file" / "sentio.db")


def test_a_state_never_holds_code(tmp_path):
    store = Store(tmp_path / "sentio.db")
    with pytest.raises(ValueError, match="array evil holds objects"):
        store.save("cpu", "f", State(KEYS[:1], {"evil": np.array([print], dtype=object)}), 1)
