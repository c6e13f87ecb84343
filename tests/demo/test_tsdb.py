"""What the store keeps, refuses and answers by itself; `test_like_prometheus.py` compares the rest."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sentio.demo.history import history
from sentio.demo.series import Series, under_target
from sentio.demo.simulator import Simulator
from sentio.demo.tsdb import LOOKBACK, Answer, Tsdb
from sentio.errors import StoreError
from sentio.types import SECOND, SeriesKey

A = SeriesKey.of({"__name__": "a", "x": "1"})
B = SeriesKey.of({"__name__": "b"})
T = 1_700_000_000 * SECOND


def at(store: Tsdb, *times: int) -> Answer:
    return store.evaluate(lambda _: True, np.array(times, np.int64))


def test_a_value_lives_five_minutes_the_fifth_excluded() -> None:
    store = Tsdb()
    store.append(A, T, 1.5)
    answer = at(store, T - 1, T, T + LOOKBACK - 1, T + LOOKBACK)
    assert answer.present.tolist() == [[False, True, True, False]]
    assert answer.values[0, 1:3].tolist() == [1.5, 1.5]
    assert at(store, T - 1, T + LOOKBACK).keys == ()


def test_a_stale_mark_ends_a_series_and_a_sample_begins_it_anew() -> None:
    store = Tsdb()
    store.append(A, T, 1.0)
    store.append(A, T + 5, np.nan)
    store.mark_stale(A, T + 10)
    store.append(A, T + 20, 2.0)
    answer = at(store, T, T + 5, T + 10, T + 19, T + 20)
    assert answer.present.tolist() == [[True, True, False, False, True]]
    assert np.isnan(answer.values[0, 1])


def test_samples_out_of_order_are_refused_and_nothing_is_kept_of_them() -> None:
    store = Tsdb()
    store.append(A, T, 1.0)
    with pytest.raises(StoreError, match=r'^tsdb: a\{x="1"\}: the sample at 1700000000.000 is not newer than'):
        store.append(A, T, 2.0)
    with pytest.raises(StoreError, match="the times are not strictly increasing; sort them first"):
        store.extend(Series(B, np.array([T, T]), np.zeros(2)))
    answer = at(store, T)
    assert (answer.keys, answer.values.tolist()) == ((A,), [[1.0]])


def test_series_of_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"series b\{\}: times have the shape \(2,\) and values \(1,\)"):
        Series(B, np.array([T, T + 1]), np.zeros(1))


def test_what_is_older_than_the_retention_goes_and_memory_stays_bounded() -> None:
    store = Tsdb(retention=1000 * SECOND)
    for i in range(20_000):
        store.append(A, T + i * SECOND, float(i))
    newest = T + 19_999 * SECOND
    assert at(store, newest - 999 * SECOND).values.tolist() == [[19_000.0]]
    assert store.select(lambda _: True, end=newest - 2500 * SECOND) == ()


def test_selecting_by_time() -> None:
    store = Tsdb()
    store.extend(Series(A, np.array([T, T + 10]), np.zeros(2)))
    store.append(B, T + 20, 0.0)
    everything = store.select(lambda _: True)
    assert everything == (A, B)
    assert store.select(lambda _: True, T + 1, T + 9) == ()
    assert store.select(lambda _: True, T + 10, T + 19) == (A,)
    assert store.select(lambda _: True, T + 11) == (B,)
    assert store.select(lambda key: key == A, T) == (A,)


def test_a_target_s_labels_win_over_a_series_own() -> None:
    key = SeriesKey.of({"__name__": "a", "job": "mine", "x": "1"})
    assert under_target(key, {"job": "demo", "instance": "h:1"}) == SeriesKey.of(
        {"__name__": "a", "exported_job": "mine", "job": "demo", "instance": "h:1", "x": "1"}
    )


def test_reading_while_writing_sees_whole_samples() -> None:
    store = Tsdb(retention=500)
    store.append(A, T, 0.0)
    wrong: list[Answer] = []
    done = threading.Event()
    times = T + np.arange(5000)

    def read() -> None:
        while not done.is_set():
            answer = at(store, *times)
            seen = answer.values[answer.present]
            if not np.array_equal(seen, np.minimum(times[answer.present[0]] - T, seen[-1])):
                wrong.append(answer)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(1, 5000):
        store.append(A, T + i, float(i))
    done.set()
    for reader in readers:
        reader.join()
    assert not wrong


def test_two_weeks_are_loaded_and_read_at_once() -> None:
    store = Tsdb()
    for series in history(Simulator(T, 180 * SECOND), T, {"job": "demo", "instance": "h:1"}):
        store.extend(series)
    answer = store.evaluate(lambda _: True, T - np.arange(11_000, 0, -1) * 15 * SECOND)
    assert answer.present.all()
    assert answer.values.shape == (12, 11_000)
