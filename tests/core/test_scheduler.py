"""The clock: a tick that hangs is abandoned, and the next one runs."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest
from apscheduler.schedulers import base

from sentio import scheduler as scheduler_module
from sentio.errors import SourceError
from sentio.scheduler import Scheduler, _Multiples
from sentio.telemetry import Telemetry
from sentio.types import SECOND
from tests.servers import PATIENCE_S

FAST = SECOND // 5
LONG = 50 * 365 * 86_400 * SECOND  # whose next multiple is decades away


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


def until(condition) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_ticks_run_at_once_and_then_again_and_again(scheduler):
    rare, often = [], []
    scheduler.add_tick("rare", "score", lambda *_: rare.append(1), every=LONG, deadline=LONG)
    scheduler.add_tick("cpu", "score", lambda *_: often.append(1), every=FAST, deadline=LONG)
    scheduler.start()
    until(lambda: rare)
    until(lambda: len(often) >= 5)
    until(lambda: count(scheduler, "ok") >= 5)
    assert len(rare) == 1


def test_they_run_on_multiples_of_their_interval():
    trigger, start = _Multiples(15 * SECOND), datetime(2026, 1, 1, 0, 0, 7, 500_000, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, start) == start
    assert trigger.get_next_fire_time(start, start) == datetime(2026, 1, 1, 0, 0, 15, tzinfo=UTC)
    late = datetime(2026, 1, 1, 0, 0, 45, 1000, tzinfo=UTC)
    assert trigger.get_next_fire_time(start, late) == datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
    on_one = datetime(2026, 1, 1, 0, 0, 15, tzinfo=UTC)
    assert trigger.get_next_fire_time(start, on_one) == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


class SetClock:
    """The system's clock, which somebody sets by ``shift_s``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shift_s = 0.0

        class Shifted(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.fromtimestamp(time.time() + self.shift_s, tz)

        monkeypatch.setattr(base, "datetime", Shifted)
        monkeypatch.setattr(scheduler_module, "datetime", Shifted)
        monkeypatch.setattr(scheduler_module, "clock", lambda: time.time_ns() + int(self.shift_s * SECOND))


def test_a_clock_that_is_set_back_stops_neither_ticks_nor_chores(scheduler, monkeypatch, caplog):
    clock, ticks, chores = SetClock(monkeypatch), [], []
    monkeypatch.setattr(scheduler_module, "_LOOK_EVERY_S", 0.05)
    scheduler.add_tick("cpu", "score", lambda now, _: ticks.append(now), every=FAST, deadline=LONG)
    scheduler.add_chore("queue", lambda: chores.append(1), 0.1)
    scheduler.start()
    until(lambda: len(ticks) >= 2 and len(chores) >= 2)
    last = ticks[-1]
    clock.shift_s = -3600.0
    until(lambda: ticks[-1] < last)
    seen, done = len(ticks), len(chores)
    until(lambda: len(ticks) >= seen + 3 and len(chores) >= done + 3)
    said = [m for m in caplog.messages if "gone back" in m]
    assert said == ["the clock has gone back by 3600 s: all ticks are run now"]


def test_a_clock_that_is_set_forward_by_decades_costs_no_run_for_each_that_was_missed(scheduler, monkeypatch):
    """As on a machine without a clock of its own, once it has a network."""
    clock, ticks, chores = SetClock(monkeypatch), [], []
    scheduler.add_tick("cpu", "score", lambda now, _: ticks.append(now), every=FAST, deadline=LONG)
    scheduler.add_chore("queue", lambda: chores.append(1), 0.1)
    scheduler.start()
    until(lambda: ticks and chores)
    clock.shift_s = LONG / SECOND
    seen, done = len(ticks), len(chores)
    until(lambda: len(ticks) >= seen + 3 and len(chores) >= done + 3)


def test_a_tick_past_its_deadline_is_abandoned_and_the_next_one_runs(scheduler, caplog):
    release, ticks = threading.Event(), []

    def work(_now, tick):
        ticks.append(tick)
        if len(ticks) == 1:
            release.wait(30)

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=FAST // 2)
    scheduler.start()
    until(lambda: count(scheduler, "ok") >= 1)  # of the others, on a busy machine, some may be late too
    assert not ticks[0].alive
    assert count(scheduler, "abandoned") >= 1
    assert "pipeline cpu: the score tick is abandoned after 0.1 s" in caplog.messages
    release.set()


def test_never_two_of_the_same_tick_at_once(scheduler):
    running, most = [], []

    def work(_now, _tick):
        running.append(1)
        most.append(len(running))
        time.sleep(2.5 * FAST / SECOND)
        running.pop()

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=LONG)
    scheduler.start()
    until(lambda: len(most) >= 3)
    assert max(most) == 1
    until(lambda: count(scheduler, "late") >= 2)
    until(lambda: count(scheduler, "skipped") >= 2)


def test_a_failure_ends_the_tick_and_not_the_next_one(scheduler, caplog):
    calls = []

    def work(_now, _tick):
        calls.append(1)
        if len(calls) == 1:
            raise SourceError("no data", reason="timeout")
        if len(calls) == 2:
            raise KeyError("a defect")

    scheduler.add_tick("cpu", "score", work, every=FAST, deadline=LONG)
    scheduler.start()
    until(lambda: count(scheduler, "ok") >= 1)
    assert count(scheduler, "failed") == 2
    assert [r.exc_info is not None for r in caplog.records if r.levelname == "ERROR"] == [True]


def test_a_pipeline_that_is_removed_ticks_no_more(scheduler):
    calls = []
    for name in ("score", "train"):
        scheduler.add_tick("cpu", name, lambda *_: calls.append("cpu"), every=FAST, deadline=LONG)
    scheduler.add_tick("cpu 2", "score", lambda *_: calls.append("other"), every=FAST, deadline=LONG)
    scheduler.start()
    until(lambda: calls.count("cpu") >= 2)
    scheduler.remove_ticks("cpu")
    until(lambda: not threads() & {"score cpu", "train cpu"})
    calls.clear()
    until(lambda: calls.count("other") >= 3)
    assert "cpu" not in calls


@pytest.mark.parametrize("name", ["queue", "reload"])
def test_a_pipeline_with_the_name_of_a_chore_does_not_take_it_along(scheduler, name):
    calls = []
    scheduler.add_chore(name, lambda: calls.append(1), 0.1)
    scheduler.add_tick(name, "score", lambda *_: None, every=FAST, deadline=LONG)
    scheduler.start()
    scheduler.remove_ticks(name)
    calls.clear()
    until(lambda: len(calls) >= 2)


def test_the_tick_of_a_removed_pipeline_does_not_hold_up_its_successor(scheduler):
    release, old, new = threading.Event(), [], []

    def hang(_now, tick):
        old.append(tick)
        release.wait(2 * PATIENCE_S)

    scheduler.add_tick("cpu", "score", hang, every=LONG, deadline=LONG)
    scheduler.start()
    until(lambda: old)
    scheduler.remove_ticks("cpu")
    scheduler.add_tick("cpu", "score", lambda *_: new.append(1), every=LONG, deadline=LONG)
    until(lambda: new)  # its first run is not skipped, or the next would come in decades
    until(lambda: scheduler._runs.keys() <= scheduler._jobs.keys())  # the old one's job has ended
    release.set()
    until(lambda: "score cpu" not in threads())
    until(lambda: count(scheduler, "ok") == 1)
    assert len(old) == len(new) == 1
    assert not old[0].alive
    assert [count(scheduler, o) for o in ("failed", "abandoned", "skipped", "late")] == [0, 0, 0, 0]


@pytest.mark.parametrize("late_after", [LONG, FAST])
def test_a_long_run_is_late_only_by_its_own_measure(scheduler, late_after):
    runs = []

    def work(_now, _tick):
        time.sleep(2.5 * FAST / SECOND)
        runs.append(1)

    scheduler.add_tick("cpu", "train", work, every=FAST, deadline=LONG, late_after=late_after)
    scheduler.start()
    until(lambda: len(runs) >= 3)
    until(lambda: count(scheduler, "ok", "train") >= 3)
    if late_after == FAST:
        until(lambda: count(scheduler, "late", "train") and count(scheduler, "skipped", "train"))
    else:
        assert [count(scheduler, o, "train") for o in ("late", "skipped")] == [0, 0]


def test_a_tick_that_comes_while_all_is_stopped_waits_for_nothing(scheduler):
    calls = []
    scheduler.add_tick("cpu", "score", lambda *_: calls.append(1), every=SECOND, deadline=LONG)
    (job_id,) = scheduler._jobs
    scheduler.stop()
    scheduler._tick(job_id)
    assert calls == []
    assert scheduler._runs == {}


def test_a_stop_waits_for_nothing(scheduler):
    started, release, ended = threading.Event(), threading.Event(), []

    def work(_now, _tick):
        started.set()
        release.wait(2 * PATIENCE_S)
        ended.append(1)

    scheduler.add_tick("cpu", "score", work, every=SECOND, deadline=LONG)
    scheduler.start()
    assert started.wait(PATIENCE_S)
    scheduler.stop()
    assert not ended
    release.set()
