"""One pipeline between ticks: what it reads, keeps, publishes and lets go. The source is a value in memory; the
servers of tests/sources and tests/live are real."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from sentio import pipeline, runner, timing, turns
from sentio.alerting import Alerting, Rule, Rules, told
from sentio.arrivals import Arrivals
from sentio.detectors.prophet import Prophet
from sentio.detectors.threshold import Threshold
from sentio.errors import SentioError, SourceError, WorkerDiedError
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.pipeline import Line
from sentio.runner import Runner, Tick
from sentio.state import SeriesStatus, State
from sentio.telemetry import Telemetry
from sentio.timing import Timing
from sentio.types import ANOMALY, SCORE, SECOND, YHAT, Failure, Notes, Panel, SeriesKey, Window
from tests.here import Here
from tests.servers import PATIENCE_S

STEP = 10 * SECOND
NOW = 1_700_000_000 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
A, B, C = (SeriesKey("m", (("i", i),)) for i in "abc")


class Memory:
    """A source that has a sample for every series at every time, but where ``gone`` says otherwise."""

    def __init__(self, *keys: SeriesKey) -> None:
        self.keys = keys
        self.windows: list[Window] = []
        self.gone: dict[SeriesKey, tuple[int, int]] = {}
        self.since = 0
        self.notes = Notes()
        self.error: SourceError | None = None
        self.bump: dict[SeriesKey, float] = {}

    def read(self, _query: str, window: Window) -> Panel:
        self.windows.append(window)
        if self.error:
            raise self.error
        t = window.times()
        rows = []
        for key in self.keys:
            noise = np.random.default_rng(7).normal(size=1000)[(t // STEP) % 1000]
            row = 50 + noise + self.bump.get(key, 0.0)
            start, end = self.gone.get(key, (0, 0))
            rows.append(np.where((t < self.since) | ((t >= start) & (t < end)), np.nan, row))
        there = [i for i, r in enumerate(rows) if np.isfinite(r).any()]
        values = np.array([rows[i] for i in there]).reshape(len(there), len(t))
        return Panel(tuple(self.keys[i] for i in there), t, values, self.notes)


class Kept:
    """A sink that keeps the reports."""

    def __init__(self) -> None:
        self.reports = []

    def emit(self, report) -> None:
        self.reports.append(report)


class House:
    """A runner with its surroundings, and a clock to turn."""

    rules = Rules()

    def __init__(self, *keys: SeriesKey, **timing: int) -> None:
        self.source, self.sink, self.telemetry = Memory(*keys), Kept(), Telemetry()
        self.saved: list[State] = []
        self.detector = Prophet(Prophet.Options(), Here())
        defaults = {"step": STEP, "window": 2 * HOUR, "train_every": HOUR, "train_cadence": 60 * SECOND, "delay": 0}
        defaults |= {"ttl": 60 * SECOND, "model_ttl": 24 * HOUR, "max_points": 100_000}
        self.timing = Timing(**{**defaults, **timing})
        self.now = NOW
        self.runner = self.another()

    def another(self) -> Runner:
        step = self.timing.step
        judge, alerting = Judge(Policy(enabled=False), step), Alerting(self.rules)
        line = Line("q", self.source, self.detector, "m", (300 * SECOND,), judge, alerting, step, every=HOUR)
        return Runner(line, self.timing, (self.sink,), self.telemetry, self.saved.append)

    def train(self, tick: Tick | None = None) -> None:
        self.runner.train(self.now, tick or Tick())

    def score(self, after: int = STEP, tick: Tick | None = None):
        """The report of a score tick ``after`` ns later."""
        self.now += after
        self.runner.score(self.now, tick or Tick())
        return self.sink.reports[-1]

    def value(self, name: str, **labels: str) -> float:
        return self.telemetry.registry.get_sample_value(name, {"query": "q", **labels}) or 0.0


def ready(*keys: SeriesKey, **timing: int) -> House:
    house = House(*keys, **timing)
    house.train()
    house.score(0)
    return house


def test_only_what_is_new_is_read_and_every_sample_once():
    house = ready(A, B)
    first = len(house.source.windows)
    for after in (STEP, STEP, 3 * STEP, STEP // 2, STEP // 2, STEP + 3):
        house.score(after)
    ticks = house.source.windows[first - 1 :]
    times = np.concatenate([w.times() for w in ticks])
    assert (np.diff(times) == STEP).all()
    assert times[-1] == house.now // STEP * STEP
    house.train()
    assert len(house.source.windows) == first - 1 + len(ticks)  # the score ticks fed the history
    assert house.value("sentio_samples_total") == 2 * len(times)


class Broken(Prophet):
    """A class of one's own, with a defect in each of its two methods."""

    def fit(self, history):
        return history.fitted

    def score(self, state, fresh):
        return state + fresh


@pytest.mark.parametrize(("tick", "kind"), [("score", "TypeError"), ("train", "AttributeError")])
def test_a_defect_is_told_of_on_the_page_until_it_is_over(tick, kind):
    house = ready(A)
    good = house.runner.line
    house.runner.line = replace(good, detector=Broken(Prophet.Options(), Here()))
    house.now += 2 * HOUR
    work = {"score": lambda: house.score(0), "train": house.train}[tick]
    with pytest.raises((TypeError, AttributeError)):
        work()
    said = house.runner.errors[tick]
    assert said == f"{kind}, a defect here or in a class of your own; see the log"
    house.runner.line = good
    house.now += HOUR
    work()
    assert house.runner.errors[tick] == ""


def test_after_an_outage_the_gap_is_read_again():
    house = ready(A)
    house.score()
    house.source.error = SourceError("down", reason="unreachable")
    for _ in range(5):
        with pytest.raises(SourceError, match="down"):
            house.score()
    assert house.runner.errors["score"] == "down"
    house.source.error = None
    report = house.score()
    assert len(report.scores.times) == 6
    assert np.isfinite(report.scores.outputs[SCORE]).all()
    assert house.runner.errors["score"] == ""
    house.now += HOUR
    reads = len(house.source.windows)
    house.train()
    assert [len(w) for w in house.source.windows[reads:]] == [360]  # the hour, and not the outage


def test_an_outage_keeps_the_bands_until_the_time_to_live():
    house = ready(A, B)
    house.source.error = SourceError("down", reason="unreachable")
    for i in range(1, 10):
        with pytest.raises(SourceError):
            house.score()
        report = house.sink.reports[-1]
        assert len(report.scores.keys) == (2 if i <= 6 else 0)
        assert np.isfinite(report.scores.outputs[YHAT]).all()
        assert np.isnan(report.scores.values).all()
        assert np.isnan(report.scores.outputs[ANOMALY]).all()
    assert house.value("sentio_series_vanished_total") == 2


def test_a_series_that_vanishes_keeps_its_band_then_goes_and_returns_with_it():
    house = ready(A, B)
    house.source.gone[B] = (house.now, house.now + 20 * STEP)
    for i in range(1, 20):
        report = house.score()
        assert (B in report.scores.keys) == (i <= 6)
        if i <= 6:
            row = report.scores.keys.index(B)
            assert np.isfinite(report.scores.outputs[YHAT][row]).all()
            assert np.isnan(report.scores.values[row]).all()
    assert house.value("sentio_series_vanished_total") == 1
    fits = house.value("sentio_fits_total", state="ready")
    report = house.score()
    row = report.scores.keys.index(B)
    assert np.isfinite(report.scores.outputs[SCORE][row]).all()
    assert report.status[row] == SeriesStatus.READY
    assert house.value("sentio_fits_total", state="ready") == fits


def test_a_new_series_is_learned_when_it_has_enough_and_seen_at_once():
    house = ready(A)
    house.source.keys = (A, C)
    house.source.gone[C] = (0, house.now)
    report = house.score()
    assert report.status[report.scores.keys.index(C)] == SeriesStatus.LEARNING
    house.train()
    assert house.runner.state["samples"][house.runner.state.keys.index(C)] < 30
    for _ in range(30):
        house.score()
    house.train()
    # Published at once, not with the next sample.
    report = house.sink.reports[-1]
    row = report.scores.keys.index(C)
    assert report.status[row] == SeriesStatus.READY
    assert np.isfinite(report.scores.outputs[YHAT][row]).all()


def test_a_new_series_among_old_ones_does_not_wait_for_their_coarse_grid():
    house = ready(A, window=20 * HOUR, max_points=200)
    assert house.runner._learning.histories.whole.step == 64 * STEP
    house.source.keys = (A, C)
    house.source.gone[C] = (0, house.now)
    for _ in range(40):
        house.score()
        house.train()
    known = house.runner.state
    row = known.keys.index(C)
    assert known["status"][row] == SeriesStatus.READY
    assert known["samples"][row] >= 30
    # Grown up, it is learned from the grid as all are.
    for _ in range(1100):
        house.score()
    house.now += HOUR
    house.score(0)
    house.train()
    known = house.runner.state
    assert known["samples"][known.keys.index(C)] < 200
    assert known["status"][known.keys.index(C)] == SeriesStatus.READY


def test_what_had_gone_before_a_restart_does_not_come_back_with_it():
    house = ready(A, B)
    house.source.gone[B] = (house.now, 2**62)
    for _ in range(20):
        house.score()
    house.runner._save(house.runner.snapshot())
    later = house.another()
    later.restore(State.from_arrays(house.saved[-1].to_arrays()), house.now + SECOND)
    assert later.report.scores.keys == (A,)
    assert set(later.state.keys) == {A, B}


def test_a_series_that_was_let_go_is_not_awaited_again_after_a_restart():
    """It was fitted while it was awaited still, and its fit is of a time at which it was gone already. Whoever was told
    that it is missing was told that this is over."""
    house = ready(A, B, train_every=60 * SECOND)
    house.source.gone[B] = (house.now + STEP, 2**62)
    for _ in range(6):
        house.score()
    house.train()
    assert house.score().scores.keys == (A,)
    saved = house.runner.snapshot()
    at = saved.keys.index(B)
    assert saved["fitted_at"][at] > house.now - house.timing.ttl
    later = house.another()
    later.restore(State.from_arrays(saved.to_arrays()), house.now + SECOND)
    assert later.report.scores.keys == (A,)
    assert set(later.state.keys) == {A, B}, "it may come back"


def test_an_alert_that_was_told_outlives_a_save_that_does_not_know_it():
    house = ready(A, B)
    saved = house.runner.snapshot()
    house.source.bump[A] = house.source.bump[C] = 1000.0
    house.source.keys = (A, B, C)
    while not (report := house.score()).events:
        pass
    known = told(report.alerts)
    assert known.keys == (A,)
    for of in (saved, State(())):
        later = house.runner = house.another()
        later.restore(State.from_arrays(of.to_arrays()) if of.keys else of, house.now, known)
        again = house.sink.reports[-1]
        assert [(event.key, event.since) for event in again.firing] == [(A, report.events[0].since)]
        assert again.events == ()
        house.source.gone[A] = (house.now, 2**62)
        while not (ended := house.score()).events:
            pass
        (event,) = ended.events
        assert (event.key, event.cause) == (A, "series stopped arriving")
        assert house.now <= again.at + house.timing.ttl + 2 * STEP
        house.source.gone.clear()


def test_the_snooze_of_a_series_goes_on_while_it_is_away():
    house = House(A, B)
    house.rules = Rules(snooze=HOUR)
    house.runner = house.another()
    house.train()
    house.score(0)
    house.source.bump[A] = 1000.0
    assert [event.key for event in house.score().events] == [A]
    house.source.gone[A] = (house.now, house.now + 3 * house.timing.ttl)
    ticks = [house.score() for _ in range(40)]
    (ended,) = [event for report in ticks for event in report.events if event.key == A]
    assert ended.cause == "series stopped arriving"
    report = ticks[-1]
    row = report.scores.keys.index(A)
    assert report.scores.outputs[ANOMALY][row, -1] == 1, "it is back, and as strange as before"
    assert not [event for event in house.score(ended.at + HOUR - house.now - STEP).events if event.key == A]
    (begun,) = [event for _ in range(2) for event in house.score().events if event.key == A]
    assert (begun.key, begun.at) == (A, ended.at + HOUR)


def test_what_is_remembered_of_alerts_goes_along_where_a_level_has_changed():
    house = ready(A)
    assert not house.score().alerts.arrays
    house.source.bump[A] = 1000.0
    assert house.score().alerts.keys == (A,)
    assert not house.score().alerts.arrays


def test_a_clock_that_goes_back_does_not_stop_the_ticks(caplog):
    house = ready(A)
    house.score(HOUR)
    house.now -= HOUR
    report = house.score()
    assert report.scores.times[-1] == house.now
    assert "pipeline q: the clock has gone back; it starts anew from now" in caplog.messages


@pytest.mark.parametrize("ahead", [HOUR // 2, HOUR, DAY, 5000 * DAY])
def test_a_pipeline_is_as_before_once_a_clock_that_was_ahead_is_right(ahead):
    house = House(A, B, max_points=400)
    judge, alerting = Judge(Policy(), STEP), Alerting(Rules(warning=Rule("score > 1")))
    house.runner.line = replace(house.runner.line, judge=judge, alerting=alerting)
    house.train()
    house.score(0)
    house.now += ahead
    for _ in range(3):
        house.score()
        house.train()
    house.now -= ahead
    for _ in range(20):
        report = house.score()
        house.train()
    assert np.isfinite(report.scores.outputs[SCORE]).all()
    assert (house.runner.state["fitted_at"] <= house.now).all()
    house.score(HOUR)
    house.train()
    assert (house.runner.state["fitted_at"] > house.now - 60 * SECOND).all()
    assert house.runner._learning.histories.whole.missing(house.now) == []
    assert np.isfinite(house.runner._learning.histories.whole.panel((A, B), house.now).values).mean() > 0.9
    house.source.gone[B] = (house.now + 1, 2**62)
    for _ in range(8):
        report = house.score()
    assert report.scores.keys == (A,), "it is let go in its time"
    house.source.bump[A] = 1000.0
    assert [event.key for _ in range(5) for event in house.score().events] == [A]


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_the_matter_while_a_clock_is_set_back_has_begun_by_then(restart):
    house = House(A)
    house.runner.line = replace(house.runner.line, judge=Judge(Policy(), STEP))
    house.train()
    house.score(0)
    house.source.bump[A] = 1000.0
    assert [house.score().onsets[0] > 0 for _ in range(5)][-1]
    house.now -= HOUR
    if restart:
        line, saved, house.runner = house.runner.line, house.runner.snapshot(), house.another()
        house.runner.line = line
        house.runner.restore(saved, house.now)
    for _ in range(20):
        report = house.score()
        assert report.onsets[0] <= house.now
        assert report.durations[0] >= (STEP if report.onsets[0] else 0)
    assert report.durations[0] >= 20 * STEP


@pytest.mark.parametrize("restart", [False, True])
def test_an_alert_of_a_clock_that_went_back_ends_when_its_series_is_well(restart):
    """The machine's clock was a day ahead for a while."""
    house = ready(A)
    house.source.bump[A] = 1000.0
    while not (begun := house.score(DAY)).events:
        pass
    house.now -= DAY
    if restart:
        saved, house.runner = house.runner.snapshot(), house.another()
        house.runner.restore(saved, house.now, told(begun.alerts))
    house.source.bump.clear()
    events = [event for _ in range(20) for event in house.score().events]
    assert [(event.key, event.level_to) for event in events] == [(A, 0)]


def fails(house: House, ticks: int, reason: str) -> None:
    house.source.error = SourceError("away", reason=reason)
    for _ in range(ticks):
        with pytest.raises(SourceError):
            house.score()
    house.source.error = None


@pytest.mark.parametrize("reason", ["timeout", "max_bytes", "unreachable"])
def test_every_step_of_an_outage_is_judged_late_and_in_order(reason):
    """Where a host is down, or swallows what it is sent, its reads time out."""
    house = ready(A)
    last = house.now
    fails(house, 40, reason)
    assert np.array_equal(house.score().scores.times, np.arange(last, house.now, STEP) + STEP)
    assert len(house.score().scores.times) == 1


def test_after_an_outage_no_more_samples_are_read_at_once_than_memory_is_meant_for(monkeypatch):
    monkeypatch.setattr(timing, "_SAMPLES_AT_ONCE", 20)
    house = ready(A, B)
    fails(house, 30, "unreachable")  # longer than their time to live
    assert house.sink.reports[-1].scores.keys == ()
    assert len(house.score().scores.times) == 10


class Cut(Memory):
    """A source that leaves out what is beyond ``most`` series, as Prometheus's does."""

    most = 1000

    def read(self, query: str, window: Window) -> Panel:
        panel = super().read(query, window)
        beyond = len(panel.keys) - self.most
        failures = (Failure("m", "max_series", "too many", beyond),) if beyond > 0 else ()
        return replace(panel.rows(slice(self.most)), notes=Notes(failures=failures))


@pytest.mark.parametrize("cut", [True, False])
def test_a_series_beyond_those_that_are_read_does_not_count_as_missing(cut):
    house = House(B, C, ttl=300 * SECOND)
    house.source = Cut(B, C)
    judge, alerting = Judge(Policy(), STEP), Alerting(Rules(warning=Rule("score > 1")))
    house.runner.line = replace(house.runner.line, source=house.source, judge=judge, alerting=alerting)
    house.train()
    for _ in range(5):
        house.score()
    house.source.keys = (A, B, C) if cut else (A, B)
    house.source.most = 2
    events = [event for _ in range(8) for event in house.score().events]
    report = house.sink.reports[-1]
    row = report.scores.keys.index(C)
    assert np.isfinite(report.scores.outputs[YHAT][row]).all()
    if not cut:
        assert [(event.key, event.kind) for event in events] == [(C, "missing")]
        return
    assert events == []
    house.source.bump[B] = 1000.0
    assert [event.key for _ in range(4) for event in house.score().events] == [B]
    house.source.bump.clear()
    house.source.most = 3
    events = [event for _ in range(4) for event in house.score().events]
    assert C not in {event.key for event in events}


def test_while_a_source_may_be_away_one_step_is_asked_for():
    house = ready(A)
    house.source.windows.clear()
    fails(house, 10, "timeout")
    assert [len(w) for w in house.source.windows] == [1] * 10
    house.score()
    assert [len(w) for w in house.source.windows[10:]] == [1, 11]


def test_a_source_that_goes_again_as_it_comes_back_costs_no_step():
    house = ready(A)
    last = house.now
    fails(house, 5, "timeout")
    real, house.source.read = house.source.read, within_steps(house.source, 1)
    with pytest.raises(SourceError):
        house.score()  # one step is read, and no more
    house.source.read = real
    fails(house, 3, "unreachable")
    assert np.array_equal(house.score().scores.times, np.arange(last, house.now, STEP) + STEP)


def within_steps(source: Memory, most: int, reason: str = "timeout"):
    """``source``, which has the time for ``most`` steps at once."""
    real = source.read

    def read(query: str, window: Window) -> Panel:
        if len(window) > most:
            source.windows.append(window)
            raise SourceError("late", reason=reason)
        return real(query, window)

    return read


@pytest.mark.parametrize(("reason", "ticks"), [("timeout", 4), ("max_bytes", 3)])
def test_what_is_too_much_at_once_is_made_shorter_until_it_can_be_read(reason, ticks):
    house = ready(A)
    house.source.read = within_steps(house.source, 20, reason)
    house.now += 198 * STEP
    reads = len(house.source.windows)
    for _ in range(ticks - 1):
        with pytest.raises(SourceError):
            house.score()
    report = house.score()
    assert len(report.scores.times) == 12
    assert report.scores.times[-1] == house.now
    asked = [199, 1, 200, 50, 12] if reason == "timeout" else [199, 49, 12]
    assert [len(w) for w in house.source.windows[reads:]] == asked
    assert len(house.score().scores.times) == 1


def test_a_source_too_slow_for_all_that_comes_never_falls_behind():
    house = ready(A)
    house.source.read = within_steps(house.source, 2)
    judged = []
    for _ in range(40):
        house.now += 3 * STEP
        try:
            house.score()
        except SourceError:
            continue
        judged.append(house.now)
        assert house.sink.reports[-1].scores.times[-1] == house.now
    assert len(judged) >= 10


def test_a_step_that_can_never_be_read_does_not_hold_up_those_after_it():
    house = ready(A)
    real, bad = house.source.read, house.now + STEP

    def read(query: str, window: Window) -> Panel:
        if window.start <= bad <= window.end:
            raise SourceError("late", reason="timeout")
        return real(query, window)

    house.source.read = read
    failed = 0
    while not failed or house.sink.reports[-1].scores.times[-1] < house.now:
        try:
            house.score()
        except SourceError:
            failed += 1
    assert failed <= 4


def test_a_tick_that_is_abandoned_between_its_reads_goes_on_with_the_next():
    house, late = ready(A), Tick()
    fails(house, 5, "timeout")
    real = house.source.read

    def read(query: str, window: Window) -> Panel:
        late.alive = late.alive and len(window) == 1
        return real(query, window)

    house.source.read = read
    reports = len(house.sink.reports)
    house.now += STEP
    house.runner.score(house.now, late)
    assert len(house.sink.reports) == reports
    house.source.windows.clear()
    assert len(house.score().scores.times) == 7
    assert [len(w) for w in house.source.windows] == [7]


def test_a_young_series_is_refitted_as_it_grows_and_a_grown_one_rests():
    house = House(A)
    house.source.since = NOW - 400 * SECOND
    house.train()
    house.score(0)
    fitted = [int(house.runner.state["fitted_at"][0])]
    while house.now < NOW + 2 * HOUR:
        house.score(60 * SECOND)
        house.train()
        if int(house.runner.state["fitted_at"][0]) != fitted[-1]:
            fitted.append(int(house.runner.state["fitted_at"][0]))
    waits = np.diff(fitted) // (60 * SECOND)
    assert waits[0] <= 2
    assert (np.diff(waits) >= 0).all(), waits
    assert waits[-1] >= 20
    assert len(fitted) < 25


def test_what_is_gone_is_not_fitted_again_and_in_the_end_forgotten():
    house = ready(A, B, window=100 * HOUR, model_ttl=5 * HOUR, max_points=1_000)
    house.source.gone[B] = (house.now, 2**62)
    fits = house.value("sentio_fits_total", state="ready")
    for hours in range(1, 8):
        house.now += HOUR
        house.score(0)
        house.train()
        assert house.value("sentio_fits_total", state="ready") == fits + hours
        known = B in house.runner.state.keys
        assert known == (hours <= 5)
    assert house.runner._learning.histories.whole.keys == (A,)


def test_a_restart_with_nothing_due_takes_what_has_come_since_for_no_whole_history():
    house = ready(A, B, window=20 * HOUR, max_points=1000)
    at = np.array([house.now])
    house.runner._learning.flagged.add((B,), at, np.ones((1, 1), bool))
    saved, house.runner = house.runner.snapshot(), house.another()
    house.runner.restore(saved, house.now)
    house.source.gone[B] = (house.now, house.now + HOUR)
    house.score(house.runner._learning.histories.whole.step)
    assert house.runner._learning.histories.whole.keys == (A,)
    house.train()
    house.score(HOUR)
    house.train()
    assert house.runner._learning.flagged.mask((B,), at).all()
    times = house.runner._learning.histories.whole.panel((A,), house.now).times
    assert times[-1] - times[0] >= 20 * HOUR - house.runner._learning.histories.whole.step


def test_when_a_series_was_anomalous_goes_with_it():
    """The history goes back two weeks; where pods come and go, what was flagged of those that are gone would too."""
    house = ready(A, B, window=100 * HOUR, model_ttl=5 * HOUR, max_points=1_000)
    at = np.array([house.now])
    house.runner._learning.flagged.add((A, B), at, np.ones((2, 1), bool))
    house.source.gone[B] = (house.now, 2**62)
    for hours in range(1, 8):
        house.now += HOUR
        house.score(0)
        house.train()
        assert house.runner._learning.flagged.mask((A, B), at).tolist() == [
            [True],
            [B in house.runner._learning.histories.whole.keys],
        ], hours
    assert house.runner._learning.histories.whole.keys == (A,)


def test_series_that_come_and_go_all_day_are_told_of_every_ten_minutes():
    arrivals = Arrivals()
    told = []
    for minute in range(60):
        keys = (SeriesKey("m", (("pod", str(minute)),)),)
        at = minute * 60 * SECOND
        arrivals.take(Panel(keys, np.array([at]), np.ones((1, 1))), at)
        told.append(arrivals.news(at))
    assert [minute for minute, count in enumerate(told) if count] == [1, 11, 21, 31, 41, 51]
    assert told[1] == 1
    assert told[11] == 10
    assert arrivals.news(61 * 60 * SECOND) == 8, "also where none goes any more"


def test_a_failed_training_is_told_until_one_succeeds():
    house = ready(A)
    house.now += 2 * HOUR
    house.source.error = SourceError("too slow", reason="timeout")
    with pytest.raises(SourceError):
        house.train()
    house.source.error = None
    house.score()
    assert house.runner.errors == {"score": "", "train": "too slow"}
    house.train()
    assert house.runner.errors == {"score": "", "train": ""}


def test_why_nothing_could_be_fitted_is_told_until_it_can(monkeypatch):
    house = House(A)

    def away(_history):
        raise WorkerDiedError("no worker is left")

    with monkeypatch.context() as patched:
        patched.setattr(house.detector, "fit", away)
        with pytest.raises(WorkerDiedError):
            house.train()
    assert house.runner.errors == {"score": "", "train": "no worker is left"}
    house.train()
    assert house.runner.errors == {"score": "", "train": ""}


def test_a_partial_answer_is_scored_and_never_learned_from():
    house = ready(A)
    house.source.notes = Notes(partial="3 of 4 stores answered")
    report = house.score()
    assert np.isfinite(report.scores.outputs[SCORE]).all()
    house.source.notes = Notes()
    reads = len(house.source.windows)
    house.now += 30 * 60 * SECOND
    house.score(0)
    house.now += HOUR
    house.train()
    assert house.source.windows[reads + 1].start == house.sink.reports[-2].scores.times[-1]


@pytest.mark.parametrize("max_points", [100_000, 100])
def test_a_history_that_is_partial_is_asked_for_again(max_points):
    """On a coarse grid, too, where it settles what the first step is; and though its series are there already."""
    house = House(A, max_points=max_points)
    house.source.notes = Notes(partial="store gone")
    house.score(0)
    house.train()
    assert not house.runner.state.keys
    house.source.notes = Notes()
    house.now += 60 * SECOND
    house.train()
    assert house.runner.state["status"].tolist() == [SeriesStatus.READY]
    assert house.runner.state["first_at"] <= house.now - house.timing.window + HOUR // 10


def test_what_is_gone_is_let_go_of_though_nothing_is_due():
    """As of a detector that begins at once, whose series never are."""
    house = House(A, B, model_ttl=HOUR)
    house.detector = Threshold(Threshold.Options(upper=1e9), Here())
    house.runner = house.another()
    house.train()
    house.score(0)
    house.source.gone[B] = (house.now, 2**62)
    for _ in range(3):
        house.score(HOUR // 2)
        house.train()
    assert house.runner._learning.histories.whole.keys == (A,)


def test_a_fit_that_fails_does_not_replace_a_good_one():
    house = ready(A, B)
    good = house.runner.state
    real = house.detector.fit

    def broken(history: Panel) -> State:
        state = real(history)
        state["status"][:] = SeriesStatus.FAILED
        return state

    house.detector.fit = broken
    house.now += HOUR + STEP
    house.score(0)
    house.train()
    np.testing.assert_array_equal(house.runner.state["k"], good["k"])
    assert house.runner.state["status"].tolist() == [SeriesStatus.READY] * 2
    assert house.value("sentio_series_failures_total", reason="fit") == 2
    calls = house.value("sentio_fits_total", state="failed")
    house.now += 10 * SECOND
    house.train()
    assert house.value("sentio_fits_total", state="failed") == calls  # not again at once


@pytest.mark.parametrize(("every_s", "times"), [(0.0, 3), (3600.0, 1)])
def test_what_is_fitted_is_published_and_saved_so_often_and_at_the_end(monkeypatch, every_s, times):
    monkeypatch.setattr(pipeline, "_SERIES_AT_ONCE", 1)
    monkeypatch.setattr(runner, "_TAKE_EVERY_S", every_s)
    house = House(A, B, C)
    house.detector.samples_at_once = 0
    house.score(0)
    house.train()
    assert [len(state.keys) for state in house.saved] == [1, 2, 3][-times:]
    assert len(house.sink.reports) == 1 + times
    assert house.runner.state["status"].tolist() == [SeriesStatus.READY] * 3
    assert house.value("sentio_train_progress_ratio") == 1


def test_the_history_of_many_series_is_read_in_shorter_parts(monkeypatch):
    monkeypatch.setattr(pipeline, "_POINTS_AT_ONCE", 300)
    monkeypatch.setattr(pipeline, "_SAMPLES_AT_ONCE", 400)
    house = House(A, B)
    house.train()
    assert [len(w) for w in house.source.windows] == [300, 200, 200, 21]
    times = np.concatenate([w.times() for w in house.source.windows])
    np.testing.assert_array_equal(times, Window.ending(NOW, 2 * HOUR, STEP).times())


@pytest.mark.parametrize(("most", "reason"), [(300, "timeout"), (300, "bad_query"), (1, "timeout")])
def test_what_is_too_much_at_once_is_read_in_ever_shorter_parts(most, reason):
    """Prometheus refuses what would load too many samples with 422, and answers late what takes long."""
    house = House(A, window=2 * HOUR if most > 1 else 100 * STEP)
    whole, lengths, trainings = house.source.read, [], 0

    def limited(query: str, window: Window) -> Panel:
        lengths.append(len(window))
        if len(window) > most:
            raise SourceError("too much", reason=reason)
        return whole(query, window)

    house.source.read = limited
    while not house.runner.state.keys and trainings < 60:
        house.score()
        trainings += 1
        try:
            house.train()
        except SourceError:
            assert house.runner.errors["train"] == "too much"
    assert house.runner.errors["train"] == ""
    assert house.runner.state["status"].tolist() == [SeriesStatus.READY]
    assert trainings < 25
    assert sum(length > most for length in lengths) < trainings
    assert sum(length for length in lengths if length <= most) <= house.timing.window // STEP + trainings, "once each"


def test_once_it_answers_again_the_parts_grow():
    house = ready(A)
    house.now += HOUR
    lengths = []
    for reason in ("unreachable", "timeout", "timeout", "timeout"):
        house.source.error = SourceError("no answer", reason=reason)
        with pytest.raises(SourceError):
            house.train()
        lengths.append(len(house.source.windows[-1]))
    assert lengths == [360, 360, 180, 90]
    house.source.error = None
    first = len(house.source.windows)
    house.train()
    assert [len(w) for w in house.source.windows[first:]] == [45, 50, 56, 64, 72, 73]


@pytest.mark.parametrize(("max_points", "one"), [(720, True), (719, False)])
def test_every_step_is_kept_once(max_points, one):
    house = ready(A, max_points=max_points)
    assert (len(list(house.runner._learning.histories)) == 1) == one


def test_a_tick_that_was_abandoned_changes_nothing():
    house = ready(A)
    reports, state, late = len(house.sink.reports), house.runner.state, Tick()
    late.alive = False
    house.runner.score(house.now + STEP, late)
    assert len(house.sink.reports) == reports
    house.now += 2 * HOUR
    house.runner.train(house.now, late)
    assert house.runner.state is state
    assert len(house.saved) == 1


def test_a_tick_that_was_abandoned_reads_no_further():
    house, tick = House(A), Tick()
    real = house.source.read

    def late(query: str, window: Window) -> Panel:
        tick.alive = False
        return real(query, window)

    house.source.read = late
    house.train(tick)
    assert len(house.source.windows) == 1
    assert not house.runner.state.keys


def test_a_stopped_runner_publishes_nothing():
    house = ready(A)
    reports = len(house.sink.reports)
    house.runner.stop()
    house.runner.score(house.now + STEP, Tick())
    assert len(house.sink.reports) == reports


@contextmanager
def judging_for_ever(house: House):
    """Whose detector hangs in the next score tick, which is abandoned; lets go of it at the end."""
    began, release, tick, real = threading.Event(), threading.Event(), Tick(), house.detector.score

    def hang(*given):
        began.set()
        assert release.wait(PATIENCE_S)
        return real(*given)

    house.now += STEP
    house.detector.score = hang
    hung = threading.Thread(target=house.runner.score, args=(house.now, tick), daemon=True)
    hung.start()
    assert began.wait(PATIENCE_S)
    tick.alive = False
    try:
        yield release
    finally:
        release.set()
        hung.join(PATIENCE_S)
        assert not hung.is_alive()


def test_a_detector_that_hangs_holds_up_neither_the_end_nor_what_is_told_at_it():
    house = ready(A)
    house.source.bump[A] = 1000.0
    while not house.score().events:
        pass
    house.source.bump.clear()
    alerts, told = house.runner._memory.alerts, len(house.sink.reports)
    with judging_for_ever(house):
        house.runner.stop(0.1)
        with pytest.raises(SentioError, match="pipeline q: a tick is still at work, or hangs"):
            house.runner.snapshot()
        house.runner.end(house.now)
        assert [event.level_to for event in house.sink.reports[-1].events] == [0]
    assert len(house.sink.reports) == told + 1, "what came too late is told to nobody"
    assert house.runner._memory.alerts is alerts
    assert house.runner.snapshot().keys == (A,)


def test_ticks_do_not_wait_without_end_for_one_that_hangs(monkeypatch):
    monkeypatch.setattr(turns, "_LONGEST_S", 0.1)
    house = ready(A)
    with judging_for_ever(house):
        for tick in (house.score, house.train):
            house.now += HOUR
            with pytest.raises(SentioError, match="is still at work, or hangs"):
                tick()
    assert house.score().scores.times[-1] == house.now


def test_whoever_stops_a_runner_waits_for_a_tick_that_ends():
    house = ready(A)
    with judging_for_ever(house) as release:
        threading.Timer(0.2, release.set).start()
        house.runner.stop(PATIENCE_S)
        assert house.runner.snapshot().keys == (A,)


@pytest.mark.parametrize("scored", [False, True])
def test_pictures_begin_with_what_came_before_the_start(scored):
    house = House(A, B)
    house.source.gone[B] = NOW - 30 * STEP, NOW - 20 * STEP
    if scored:
        house.score(0)
    house.train()
    house.score()
    keys, drawn = house.runner.recent.kept
    assert keys == (A, B)
    wanted = house.source.read("m", Window.ending(house.now, 59 * STEP, STEP)).values.astype(np.float32)
    np.testing.assert_array_equal(drawn[0], wanted)
    assert np.isnan(drawn[1:, :, :-3]).all(), "nothing was expected of it then"


def test_every_report_says_how_often_its_pipeline_scores():
    house = House(A)
    house.score(0)
    house.train()  # publishes the last one again
    house.source.error = SourceError("down", reason="unreachable")
    with pytest.raises(SourceError):
        house.score()
    later = house.runner = house.another()
    later.restore(house.saved[-1], house.now)
    assert [report.every for report in house.sink.reports] == [HOUR] * 4


def test_a_restored_state_is_published_without_a_read_and_lasts_one_time_to_live():
    house = ready(A, B)
    house.sink.reports.clear()
    house.source.windows.clear()
    house.source.error = SourceError("down", reason="unreachable")
    house.runner = house.another()
    house.now += 3 * HOUR
    house.runner.restore(house.saved[-1], house.now)
    assert house.source.windows == []
    (report,) = house.sink.reports
    assert set(report.scores.keys) == {A, B}
    assert np.isfinite(report.scores.outputs[YHAT]).all()
    for i in range(1, 9):
        with pytest.raises(SourceError):
            house.score()
        assert len(house.sink.reports[-1].scores.keys) == (2 if i <= 6 else 0)


def test_a_model_past_its_time_to_live_is_not_used():
    house = ready(A, model_ttl=2 * HOUR)
    house.now += 2 * HOUR + STEP
    report = house.score(0)
    assert report.status.tolist() == [SeriesStatus.LEARNING]
    assert np.isnan(report.scores.outputs[YHAT]).all()
    later = house.another()
    later.restore(house.saved[-1], house.now)
    assert later.state.keys == ()


def test_an_anomaly_is_flagged_at_its_own_time_and_cleared_after():
    house = ready(A, B)
    flags = []
    for bump in (0, 20, 20, 0, 0):
        house.source.bump[A] = bump
        report = house.score()
        row = report.scores.keys.index(A)
        flags.append(report.scores.outputs[ANOMALY][row, -1])
        assert report.scores.outputs[ANOMALY][1 - row, -1] == 0
    assert flags == [0, 1, 1, 0, 0]


def test_failures_of_single_series_are_in_the_report():
    house = ready(A)
    failure = Failure("m{x}", "histogram", "is a native histogram")
    house.source.notes = Notes(failures=(failure,))
    assert house.score().failures == (failure,)


def test_ages_are_those_of_the_newest_sample_and_the_oldest_model():
    house = ready(A, B)
    house.now += 5 * STEP
    data, model = house.runner.ages(house.now)
    assert data == pytest.approx(50)
    assert model == pytest.approx(50)
    assert House(A).runner.ages(NOW) == (None, None)


def test_data_grow_old_even_where_no_series_is_left():
    house = ready(A)
    last = house.now
    house.source.gone[A] = (last, last + 40 * STEP)
    for _ in range(30):
        report = house.score()
    assert report.scores.keys == ()
    data, model = house.runner.ages(house.now)
    assert data == pytest.approx((house.now - last) / SECOND, abs=STEP / SECOND)
    assert model is None


def test_counters_that_alerts_ask_for_begin_at_zero():
    """To Prometheus, a counter that appears at 1 has not increased."""
    began = House(A).telemetry.registry.get_sample_value
    for reason in ("max_series", "duplicate", "histogram", "unknown_metric", "fit"):
        assert began("sentio_series_failures_total", {"query": "q", "reason": reason}) == 0.0
    for outcome in ("skipped", "abandoned"):
        assert began("sentio_ticks_total", {"query": "q", "tick": "train", "outcome": outcome}) == 0.0
    labels = {"query": "q", "sink": "exposition", "outcome": "duplicate_labels"}
    assert began("sentio_sink_deliveries_total", labels) == 0.0
