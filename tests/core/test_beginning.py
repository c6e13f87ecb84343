"""Judges that begin with the history of many series: what is published meanwhile, and that the pace changes no bit."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from sentio import preparing, runner
from sentio.alerting import Alerting, Rule, Rules, remembering, told
from sentio.judgement.evidence import NEVER
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.pipeline import Line
from sentio.reports import AlertLevel
from sentio.runner import Runner, Tick
from sentio.state import State
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, SeriesKey, Window
from tests.core.test_runner import HOUR, NOW, STEP, House
from tests.same import assert_same_arrays

SERIES = tuple(SeriesKey("m", (("i", f"{i:02d}"),)) for i in range(12))
TWO_GRIDS = {"window": 20 * HOUR, "max_points": 200}


class Judging(House):
    """A house with a judge, whose series differ, and one that emits to ``heard`` as well."""

    def __init__(self, rules: Rules | None = None, policy: Policy | None = None, **timing: int) -> None:
        self.rules, self.policy = rules or Rules(), policy or Policy()
        super().__init__(*SERIES, **timing)
        self.source.bump = {key: 10.0 * i for i, key in enumerate(SERIES)}

    def another(self) -> Runner:
        step = self.timing.step
        judge = Judge(self.policy, step)
        line = Line("q", self.source, self.detector, "m", (300 * SECOND,), judge, Alerting(self.rules), step)
        return Runner(line, self.timing, (self.sink,), self.telemetry, self.saved.append)

    def begun(self) -> np.ndarray:
        """Which series the judge has seen."""
        judged = self.runner._memory.judged
        return self.runner.line.judge.times(judged) != NEVER


class Once(Tick):
    """A tick that is over when a report has been emitted again."""

    def __init__(self, house: House) -> None:
        self._house, self._reports = house, len(house.sink.reports)

    @property
    def alive(self) -> bool:
        return len(self._house.sink.reports) == self._reports


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has begun is put to use after each part, of four series."""
    monkeypatch.setattr(runner, "_TAKE_EVERY_S", 0.0)
    monkeypatch.setattr(preparing, "_AT_ONCE", 3600)


def finite(report, output):
    return np.isfinite(report.scores.outputs[output]).all(axis=1)


def assert_same(a: House, b: House) -> None:
    for state, other in ((a.runner._memory.judged, b.runner._memory.judged), (a.runner.state, b.runner.state)):
        assert state.keys == other.keys
        assert_same_arrays(state.arrays, other.arrays)
    for name, values in a.runner.report.scores.outputs.items():
        np.testing.assert_array_equal(values, b.runner.report.scores.outputs[name], err_msg=name)


@pytest.mark.parametrize("timing", [{}, TWO_GRIDS])
@pytest.mark.parametrize(("at_once", "cores"), [(1, 1), (1, 3), (4000, 2)])
def test_no_bit_depends_on_how_many_begin_at_once(monkeypatch, timing, at_once, cores):
    whole = Judging(**timing)
    whole.score(0)
    whole.train()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setattr(runner, "_TAKE_EVERY_S", 0.0)
    monkeypatch.setattr(preparing, "_AT_ONCE", at_once)
    parts = Judging(**timing)
    parts.score(0)
    parts.train()
    for house in (whole, parts):
        house.score()
    assert whole.begun().all()
    assert_same(whole, parts)


@pytest.mark.usefixtures("slowly")
def test_all_bands_are_published_with_the_first_judges(caplog):
    caplog.set_level("INFO")
    house = Judging()
    house.score(0)
    house.train()
    first, last = house.sink.reports[1], house.sink.reports[-1]
    assert [finite(r, YHAT).sum() for r in house.sink.reports] == [0, 12, 12, 12]
    assert [finite(r, SCORE).sum() for r in house.sink.reports] == [0, 4, 8, 12]
    # Until then it is the model's own band.
    _, own = house.detector.score(house.runner.state, house.source.read("", house.source.windows[0]))
    for name in (YHAT, LOWER, UPPER):
        np.testing.assert_array_equal(first.scores.outputs[name][4:], own.outputs[name][4:])
    assert np.isnan(first.scores.outputs[ANOMALY][4:]).all()
    assert (np.abs(last.scores.outputs[UPPER] - first.scores.outputs[UPPER])[4:] > 0).all()
    said = [m for m in caplog.messages if "judges" in m]
    assert said == [f"pipeline q: {n} of 12 judges have begun" for n in (4, 8)]
    assert [len(state.keys) for state in house.saved] == [12, 12]  # the models at once, and the end


@pytest.mark.usefixtures("slowly")
def test_who_waits_for_a_judge_is_not_judged_and_loses_nothing():
    house = Judging()
    house.score(0)
    house.train(Once(house))
    assert house.begun().tolist() == [True] * 4 + [False] * 8
    house.source.bump = dict.fromkeys(SERIES, 1000.0)
    report = house.score()
    assert finite(report, SCORE).tolist() == [True] * 4 + [False] * 8
    assert finite(report, YHAT).all()
    assert house.begun().tolist() == [True] * 4 + [False] * 8
    house.train()
    assert house.begun().all()
    assert (house.sink.reports[-1].scores.outputs[ANOMALY] == 1).all()
    assert house.value("sentio_fits_total", state="ready") == 12


@pytest.mark.usefixtures("slowly")
def test_a_judge_that_had_not_begun_before_a_restart_begins_after_it():
    house = Judging()
    house.score(0)
    house.train(Once(house))
    house.runner, before = house.another(), house.saved[-1]
    house.runner.restore(State.from_arrays(before.to_arrays()), house.now)
    report = house.score()
    assert finite(report, YHAT).all()
    assert finite(report, SCORE).tolist() == [True] * 4 + [False] * 8
    house.train()
    assert house.begun().all()
    assert finite(house.sink.reports[-1], SCORE).all()


@pytest.mark.usefixtures("slowly")
def test_an_alert_on_the_score_stands_until_its_judge_has_begun_again():
    house = Judging(rules=Rules(warning=Rule("score > 1"), recovery=1))
    house.score(0)
    house.train(Once(house))
    early = house.saved[0]  # of the models at once; a kill comes before the end
    house.train()
    house.source.bump[SERIES[5]] += 1000.0
    while not (report := house.score()).events:
        pass
    known = told(report.alerts)
    assert known.keys == (SERIES[5],)
    for of in (early, State(())):
        house.runner = house.another()
        house.runner.restore(State.from_arrays(of.to_arrays()) if of.keys else of, house.now, known)
        house.runner._learning.histories.whole.add(house.source.read("", Window(NOW - HOUR, NOW, house.timing.step)))
        for _ in range(5):
            again = house.score()
            assert (again.events, [event.key for event in again.firing]) == ((), [SERIES[5]])
            assert not finite(again, SCORE)[again.scores.keys.index(SERIES[5])]
    house.source.bump[SERIES[5]] -= 1000.0
    house.train()
    while not (ended := house.score()).events:
        pass
    (event,) = ended.events
    assert (event.key, event.since, event.level_to) == (SERIES[5], report.events[0].since, AlertLevel.OK)


@pytest.mark.usefixtures("slowly")
def test_who_stands_or_was_away_when_it_was_saved_waits_for_its_judge_as_well():
    house = Judging(rules=Rules(warning=Rule("value > 500"), recovery=1))
    house.score(0)
    house.train(Once(house))
    away = SERIES[7]
    house.source.gone[away] = (house.now + STEP, house.now + 20 * STEP)
    for _ in range(15):
        house.score()
    assert away not in house.runner._arrivals.live
    saved = house.runner.snapshot()
    blank = house.runner.line.alerting.blank((away,))
    for known in (None, State((away,), {**blank.arrays, "level": np.full(1, AlertLevel.WARNING, np.int8)})):
        house.runner = house.another()
        house.runner.restore(saved, house.now, known)
        for _ in range(6):
            report = house.score()
        assert away in report.scores.keys
        assert not finite(report, SCORE)[report.scores.keys.index(away)]
    house.train()
    report = house.sink.reports[-1]
    assert finite(report, SCORE).all()


def test_a_judge_of_a_series_that_is_away_is_there_after_a_restart():
    house = Judging()
    house.score(0)
    house.train()
    away = SERIES[7]
    house.source.gone[away] = (house.now + STEP, 2**62)
    for _ in range(15):
        house.score()
    saved = [house.runner.snapshot()]
    house.runner = house.another()
    house.runner.restore(State.from_arrays(saved[0].to_arrays()), house.now)
    assert away not in house.runner.report.scores.keys
    house.score()
    saved.append(house.runner.snapshot())
    row = saved[0].keys.index(away)
    assert saved[1].keys[row] == away
    assert_same_arrays(*({name: array[[row]] for name, array in state.arrays.items()} for state in saved))


def test_nobody_goes_on_beginning_where_nobody_wants_it(monkeypatch):
    monkeypatch.setattr(preparing, "_AT_ONCE", 720)
    house, taught, tick = Judging(), [], Tick()
    learn = house.runner.line.judge.learn

    def once(_, *a, **k):
        taught.append(a)
        tick.alive = False
        return learn(*a, **k)

    monkeypatch.setattr(Judge, "learn", once)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    house.score(0)
    house.train(tick)
    assert 0 < len(taught) <= 3
    assert not house.saved


def test_what_was_known_before_the_last_report_is_kept_while_somebody_waits():
    house = Judging()
    house.score(0)
    house.train()
    assert not house.runner._rejudging.possible
    new = SeriesKey("m", (("i", "new"),))
    house.source.keys, house.source.gone[new] = (*SERIES, new), (0, house.now)
    house.score()
    assert house.runner._rejudging.possible
    for _ in range(40):
        house.score()
    house.train()
    assert not house.runner._rejudging.possible
    assert finite(house.sink.reports[-1], YHAT).all()


def test_only_the_kernels_run_in_threads(monkeypatch):
    asked, taught, house = set(), set(), Judging()
    score, learn = house.detector.score, house.runner.line.judge.learn
    monkeypatch.setattr(house.detector, "score", lambda *a: asked.add(threading.get_ident()) or score(*a))
    monkeypatch.setattr(Judge, "learn", lambda _, *a, **k: taught.add(threading.get_ident()) or learn(*a, **k))
    house.score(0)
    house.train()
    assert asked == {threading.get_ident()}
    assert taught
    assert not taught & asked


def test_what_is_said_of_a_series_that_is_back_is_not_what_was_said_when_it_went():
    """Its alert has ended, for it was not awaited any more; the next one is of what it does now."""
    house = Judging()
    house.train()
    house.score(0)
    key = SERIES[0]
    house.source.gone[key] = (house.now + STEP, house.now + 30 * STEP)
    house.source.bump[key] += 1000.0
    said = [event for _ in range(31) for event in house.score().events if event.key == key]
    assert [(event.level_to, event.kind, event.cause) for event in said] == [
        (AlertLevel.WARNING, "missing", "score > 1"),
        (AlertLevel.OK, "", "series stopped arriving"),
        (AlertLevel.WARNING, "spike", "score > 1"),
    ]
    assert said[2].text.startswith("Spike since ")
    assert said[2].text.endswith(" above what was expected, for 10 s.")


def test_what_the_values_cannot_be_is_said_on_the_page_and_to_sinks():
    house = Judging(policy=Policy(data_range=(0.0, 500.0)))
    house.train()
    house.score(0)
    house.source.bump[SERIES[3]] += 1000.0
    report = house.score()
    (said,) = report.events
    assert report.texts[3] == said.text
    assert said.text.endswith(" is above the range of the data, which ends at 500.")


@pytest.mark.parametrize("steps", range(3, 12))
def test_after_a_kill_nobody_is_told_twice_that_a_series_is_missing(steps):
    """With a save of a time before it was, and what the journal has; killed while the alert stands, and after its
    end."""
    house, missing = Judging(), SERIES[3]
    house.train()
    house.score(0)
    saved, known = house.runner.snapshot(), None
    house.source.gone[missing] = (house.now + STEP, 2**62)
    first = len(house.sink.reports)
    for _ in range(steps):
        report = house.score()
        if report.alerts.arrays:
            known = remembering(told(report.alerts), report.alerts.keys, report.events, known, report.at)
    house.runner = house.another()
    house.runner.restore(State.from_arrays(saved.to_arrays()), house.now, known)
    for _ in range(12):
        house.score()
    begun, ended = [event for report in house.sink.reports[first:] for event in report.events]
    assert (begun.key, begun.level_to, begun.kind) == (missing, AlertLevel.WARNING, "missing")
    assert (ended.key, ended.since, ended.cause) == (missing, begun.since, "series stopped arriving")
    house.source.gone.clear()
    report = house.score()
    assert set(report.scores.keys) == set(SERIES)
    assert np.isfinite(report.scores.outputs[SCORE]).all(), "it goes on where it was"
    assert report.events == ()
