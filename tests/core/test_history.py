"""What is kept of each series between ticks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentio.history import History
from sentio.types import SECOND, Panel, SeriesKey, Window

DAY = 86_400 * SECOND
A, B = SeriesKey("a"), SeriesKey("b")


def values_at(key: SeriesKey, times: np.ndarray) -> np.ndarray:
    """A series whose value tells its time, so that a sample in the wrong place shows."""
    return times / SECOND + (0.5 if key == B else 0)


def reading(window: Window, keys=(A,), since: int = 0) -> Panel:
    times = window.times()
    rows = [np.where(times >= since, values_at(k, times), np.nan) for k in keys]
    return Panel(tuple(keys), times, np.array(rows).reshape(len(keys), len(times)))


def learn(history: History, now: int, keys=(A,), since: int = 0) -> list[Window]:
    """As a train tick does: read what is missing until the grid is settled."""
    read = []
    for again in (True, False):
        for window in history.missing(now):
            read.append(window)
            history.add(reading(window, keys, since))
        if not (history.settle(now) and again):
            break
    return read


def test_only_what_is_new_is_asked_for():
    history = History(step=SECOND, length=100 * SECOND, max_points=1000, keep=DAY)
    learn(history, 1000 * SECOND)
    assert history.missing(1000 * SECOND) == []
    assert history.missing(1003 * SECOND) == [Window(1001 * SECOND, 1003 * SECOND, SECOND)]
    history.add(reading(Window(1002 * SECOND, 1002 * SECOND, SECOND)))
    assert [(w.start // SECOND, w.end // SECOND) for w in history.missing(1003 * SECOND)] == [
        (1001, 1001),
        (1003, 1003),
    ]


def test_two_weeks_are_read_on_a_coarse_grid():
    day = 86_400 * SECOND
    history = History(step=15 * SECOND, length=14 * day, max_points=6000, keep=DAY)
    read = learn(history, 100 * day)
    assert [len(w) for w in read] == [5041]
    assert history.step == 16 * 15 * SECOND


def test_a_young_server_is_read_at_every_step():
    day = 86_400 * SECOND
    history = History(step=15 * SECOND, length=14 * day, max_points=6000, keep=DAY)
    now, since = 100 * day, 100 * day - 600 * SECOND
    survey, fine = learn(history, now, since=since)
    assert survey.step == 16 * 15 * SECOND
    assert history.step == fine.step == 15 * SECOND
    assert fine.start <= since
    assert history.columns < 200, "no room is taken for the time before"
    assert len(fine) < 100
    panel = history.panel((A,), now)
    np.testing.assert_array_equal(panel.values[0][panel.times >= since], panel.times[panel.times >= since] / SECOND)
    assert history.missing(now) == []


@pytest.mark.parametrize("lacking", ["all", "old"])
def test_what_an_answer_lacks_does_not_settle_where_the_data_begin(lacking: str) -> None:
    """As after a partial answer. The grid stays coarse until the whole window was looked at."""
    day = 86_400 * SECOND
    history = History(step=15 * SECOND, length=14 * day, max_points=6000, keep=DAY)
    now, since = 100 * day, 90 * day
    (whole,) = history.missing(now)
    if lacking == "old":
        history.add(reading(Window(now - day, now, whole.step), since=since))
    assert not history.settle(now)
    assert history.step == whole.step
    learn(history, now, since=since)
    panel = history.panel((A,), now)
    assert panel.times[np.isfinite(panel.values[0])][0] <= since + whole.step


def test_what_is_gone_is_let_go_of_when_the_grid_is_found_to_be_right() -> None:
    day = 86_400 * SECOND
    history = History(step=15 * SECOND, length=14 * day, max_points=6000, keep=DAY)
    (window,) = history.missing(100 * day)
    panel = reading(window, (A, B))
    panel.values[1, panel.times > 98 * day] = np.nan
    history.add(panel)
    assert not history.settle(100 * day)
    assert history.keys == (A,)


def test_the_grid_widens_as_the_span_grows():
    history = History(step=SECOND, length=1000 * SECOND, max_points=100, keep=DAY)
    start = 10_000 * SECOND
    learn(history, start + 50 * SECOND, since=start)
    assert history.step == SECOND
    for seconds in range(51, 500):
        now = start + seconds * SECOND
        history.add(reading(Window(now, now, SECOND), since=start))
        history.settle(now)
    assert history.step == 8 * SECOND
    panel = history.panel((A,), now)
    kept = np.isfinite(panel.values[0])
    assert 55 <= kept.sum() <= 64
    np.testing.assert_array_equal(panel.values[0][kept], panel.times[kept] / SECOND)


def test_an_empty_server_is_read_at_every_step_from_now_on():
    history = History(step=SECOND, length=10_000 * SECOND, max_points=100, keep=DAY)
    assert learn(history, 50_000 * SECOND, keys=())
    assert history.step == SECOND
    assert history.keys == ()
    assert history.missing(50_000 * SECOND) == []


def test_a_series_that_is_gone_from_the_window_is_forgotten():
    history = History(step=SECOND, length=50 * SECOND, max_points=1000, keep=DAY)
    learn(history, 1000 * SECOND, keys=(A, B))
    for now in range(1001, 1100):
        history.add(reading(Window(now * SECOND, now * SECOND, SECOND), (A,)))
    assert history.keys == (A, B)
    for now in range(1100, 1200):
        history.add(reading(Window(now * SECOND, now * SECOND, SECOND), (A,)))
    history.settle(1199 * SECOND)
    assert history.keys == (A,)


def test_no_more_room_is_taken_than_the_window_needs():
    """Neither while it is read, nor when it moves on, nor when a series comes, is all that is there copied."""
    keys = tuple(SeriesKey(f"s{i}") for i in range(50))
    history = History(step=SECOND, length=2000 * SECOND, max_points=5000, keep=DAY)
    tracemalloc.start()
    try:
        for first in range(0, 6000, 50):
            window = Window(first * SECOND, (first + 49) * SECOND, SECOND)
            history.add(reading(window, keys if first < 5000 else (*keys, A)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert history.columns <= 2000 + 2 * 64
    assert peak < 1.3 * 51 * 2000 * 8
    panel = history.panel((*keys, A), 5999 * SECOND)
    assert np.isfinite(panel.values[:-1]).all()
    assert np.isfinite(panel.values[-1]).sum() == 1000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30), st.booleans()), min_size=1, max_size=25), st.data())
def test_whatever_the_order_of_readings_every_sample_is_where_it_belongs(readings, data):
    """Ticks that are late, repeated, out of order or after a gap never put a sample in a wrong place."""
    history = History(step=SECOND, length=60 * SECOND, max_points=1000, keep=DAY)
    now = 1000
    for length, wait, both in readings:
        now += wait
        end = now - data.draw(st.integers(0, 20))
        history.add(reading(Window((end - length) * SECOND, end * SECOND, SECOND), (A, B) if both else (B,)))
    panel = history.panel((A, B), now * SECOND)
    for key, row in zip(panel.keys, panel.values, strict=True):
        some = np.isfinite(row)
        np.testing.assert_array_equal(row[some], values_at(key, panel.times)[some])
    learn(history, now * SECOND, (A, B))
    assert history.missing(now * SECOND) == []
    panel = history.panel((A, B), now * SECOND)
    np.testing.assert_array_equal(panel.times, Window.ending(now * SECOND, 60 * SECOND, SECOND).times())
    assert np.isfinite(panel.values[1]).all()


def test_what_is_left_out_is_no_sample_and_has_arrived() -> None:
    history = History(step=SECOND, length=100 * SECOND, max_points=1000, keep=20 * SECOND)
    window = Window(1000 * SECOND, 1050 * SECOND, SECOND)
    values = np.ones((1, len(window)))
    values[0, 45] = np.nan
    out = np.arange(len(window))[None, :] >= 10
    history.add(Panel((A,), window.times(), values), out)
    for _ in range(2):
        history.settle(1050 * SECOND)
    panel, left_out = history.with_left_out((A, B), 1050 * SECOND)
    assert np.isfinite(panel.values[0]).sum() == 10
    assert not np.isinf(panel.values).any()
    assert left_out.sum(axis=1).tolist() == [40, 0], "what did not arrive was not left out"
    assert history.alive(1045 * SECOND) == (A,)
