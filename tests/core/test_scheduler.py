"""The clock: a tick that hangs is abandoned, and the next one runs."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from sentio.errors import SourceError
from sentio.scheduler import Scheduler, clock
from sentio.telemetry import Telemetry
from sentio.types import SECOND

FAST = SECOND // 5


@pytest.fixture
def scheduler():
    telemetry = Telemetry()
    scheduler = Scheduler(telemetry)
    scheduler.telemetry = telemetry
    yield scheduler
    scheduler.stop()


def count(scheduler, outcome: str, tick: str = "score") -> float:
    value = scheduler.telemetry.registry.get_sample_value(
        "sentio_ticks_total", {"query": "cpu", "tick": tick, "outcome": outcome}
    )
    return value or 0.0


def until(condition, within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ticks_run_at_once_and_then_on_multiples_of_their_interval(scheduler):
    times = []
    scheduler.add_tick("cpu", "score", lambda now, _: times.append(now), every=FAST, deadline=SECOND)
    began = clock()
    scheduler.start()
    until(lambda: len(times) >= 5)
    assert times[0] - began < FAST
    assert all(0 <= t % FAST < FAST // 2 for t in times[1:])
    assert all(FAST // 2 < b - a < 2 * FAST for a, b in pairwise(times[1:]))
    until(lambda: count(scheduler, "ok") >= 5)


def test_a_tick_past_its_deadline_is_abandoned_and_the_next_one_runs(scheduler, caplog):
    release, ticks = threading.Event(), []

    def work(_now, tick):
        ticks.append(tick)
        if len(ticks) == 1:
            release.wait(30)

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=FAST // 2)
    scheduler.start()
    until(lambda: len(ticks) >= 3)
    assert not ticks[0].alive
    assert ticks[1].alive
    assert count(scheduler, "abandoned") == 1
    assert "pipeline cpu: the score tick is abandoned after 0.1 s" in caplog.messages
    release.set()


def test_never_two_of_the_same_tick_at_once(scheduler):
    running, most = [], []

    def work(_now, _tick):
        running.append(1)
        most.append(len(running))
        time.sleep(2.5 * FAST / SECOND)
        running.pop()

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=30 * SECOND)
    scheduler.start()
    until(lambda: len(most) >= 3)
    assert max(most) == 1
    until(lambda: count(scheduler, "late") >= 2)
    assert count(scheduler, "skipped") >= 2


def test_a_failure_ends_the_tick_and_not_the_next_one(scheduler, caplog):
    calls = []

    def work(_now, _tick):
        calls.append(1)
        if len(calls) == 1:
            raise SourceError("no data", reason="timeout")
        if len(calls) == 2:
            raise KeyError("a defect")

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=SECOND)
    scheduler.start()
    until(lambda: count(scheduler, "ok") >= 1)
    assert count(scheduler, "failed") == 2
    assert [r.exc_info is not None for r in caplog.records if r.levelname == "ERROR"] == [True]


def test_a_pipeline_that_is_removed_ticks_no_more(scheduler):
    calls = []
    for name in ("score", "train"):
        scheduler.add_tick("cpu", name, lambda *_: calls.append("cpu"), every=FAST, deadline=SECOND)
    scheduler.add_tick("cpu 2", "score", lambda *_: calls.append("other"), every=FAST, deadline=SECOND)
    scheduler.start()
    until(lambda: calls.count("cpu") >= 2)
    scheduler.remove_ticks("cpu")
    time.sleep(FAST / SECOND)
    calls.clear()
    until(lambda: calls.count("other") >= 3)
    assert "cpu" not in calls


@pytest.mark.parametrize("name", ["queue", "reload"])
def test_a_pipeline_with_the_name_of_a_chore_does_not_take_it_along(scheduler, name):
    calls = []
    scheduler.add_chore(name, lambda: calls.append(1), 0.1)
    scheduler.add_tick(name, "score", lambda *_: None, every=FAST, deadline=SECOND)
    scheduler.start()
    scheduler.remove_ticks(name)
    calls.clear()
    until(lambda: len(calls) >= 2)


def test_the_tick_of_a_removed_pipeline_does_not_hold_up_its_successor(scheduler):
    release, old, new = threading.Event(), [], []

    def hang(_now, tick):
        old.append(tick)
        release.wait(30)

    scheduler.add_tick("cpu", "score", hang, every=FAST, deadline=60 * SECOND)
    scheduler.start()
    until(lambda: old)
    scheduler.remove_ticks("cpu")
    scheduler.add_tick("cpu", "score", lambda *_: new.append(1), every=FAST, deadline=SECOND)
    until(lambda: len(new) >= 3, within_s=3)
    until(lambda: scheduler._runs.keys() <= scheduler._jobs.keys(), within_s=1)  # the old one's job has ended
    release.set()
    time.sleep(FAST / SECOND)
    assert len(old) == 1
    assert not old[0].alive
    assert [count(scheduler, o) for o in ("failed", "abandoned", "skipped", "late")] == [0, 0, 0, 0]
    assert count(scheduler, "ok") <= len(new)


@pytest.mark.parametrize("late_after", [60 * SECOND, FAST])
def test_a_long_run_is_late_only_by_its_own_measure(scheduler, late_after):
    runs = []

    def work(_now, _tick):
        time.sleep(2.5 * FAST / SECOND)
        runs.append(1)

    scheduler.add_tick("cpu", "train", work, every=FAST, deadline=30 * SECOND, late_after=late_after)
    scheduler.start()
    until(lambda: len(runs) >= 3)
    until(lambda: count(scheduler, "ok", "train") >= 3)
    assert (count(scheduler, "late", "train") > 0) == (late_after == FAST)
    assert (count(scheduler, "skipped", "train") > 0) == (late_after == FAST)


def test_a_tick_that_comes_while_all_is_stopped_waits_for_nothing(scheduler):
    calls = []
    scheduler.add_tick("cpu", "score", lambda *_: calls.append(1), every=SECOND, deadline=60 * SECOND)
    (job_id,) = scheduler._jobs
    scheduler.stop()
    began = time.monotonic()
    scheduler._tick(job_id)
    assert time.monotonic() - began < 1
    assert calls == []
    assert scheduler._runs == {}


def test_a_stop_waits_for_nothing(scheduler):
    started = threading.Event()

    def work(_now, _tick):
        started.set()
        time.sleep(5)

    scheduler.add_tick("cpu", "score", work, every=SECOND, deadline=60 * SECOND)
    scheduler.start()
    assert started.wait(5)
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 1
