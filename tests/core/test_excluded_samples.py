"""What a pipeline does with samples that are left out: nothing but to publish what is expected of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sentio.alerting import Alerting, Rule, Rules
from sentio.errors import SourceError
from sentio.exclusion import Exclusion
from sentio.judgement.judge import Judge
from sentio.judgement.policy import Policy
from sentio.pipeline import Line
from sentio.reports import AlertLevel
from sentio.runner import Runner
from sentio.types import ANOMALY, LOWER, PVALUE, SCORE, SECOND, UPPER, YHAT, Panel, SeriesKey, Window
from tests.core.test_runner import HOUR, NOW, STEP, A, B, House
from tests.same import assert_same_arrays

MAINTENANCE = SeriesKey("maintenance", (("i", "a"),))
VERDICTS, EXPECTED = (SCORE, ANOMALY, PVALUE), (YHAT, LOWER, UPPER)


class Flags:
    """The answers to ``exclude_when``: on from ``start`` to ``end``."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.error: SourceError | None = None
        self.queries: list[str] = []

    def read(self, query: str, window: Window) -> Panel:
        self.queries.append(query)
        if self.error:
            raise self.error
        times = window.times()
        on = ((times >= self.start) & (times < self.end)).astype(float)
        return Panel((MAINTENANCE,), times, on[None])


class Excluding(House):
    """A house whose line leaves something out."""

    def __init__(
        self, *keys: SeriesKey, exclusion: Exclusion, flags: Flags | None = None, enabled: bool = True, **timing: int
    ) -> None:
        self.exclusion, self.flags, self.enabled = exclusion, flags, enabled
        super().__init__(*keys, **timing)

    def another(self) -> Runner:
        judge = Judge(Policy(enabled=self.enabled), STEP)
        rules = Rules(warning=Rule("value > 200"))
        line = Line(
            "q", self.source, self.detector, "m", (300 * SECOND,), judge, Alerting(rules), STEP,
            exclusion=self.exclusion, when=self.flags,
        )  # fmt: skip
        return Runner(line, self.timing, (self.sink,), self.telemetry, self.saved.append)

    def begin(self) -> Excluding:
        self.train()
        self.score(0)
        return self

    def history(self, key: SeriesKey) -> Panel:
        return self.runner._learning.histories.whole.panel((key,), self.now)


FROM, TO = NOW + 10 * STEP, NOW + 40 * STEP
SPAN = Exclusion(spans=((FROM, TO),))
WHEN = Exclusion(when="maintenance")


def by_times() -> Excluding:
    return Excluding(A, exclusion=SPAN).begin()


def by_query() -> Excluding:
    return Excluding(A, exclusion=WHEN, flags=Flags(FROM, TO)).begin()


BOTH = pytest.mark.parametrize("house", [by_times, by_query])


@BOTH
def test_an_incident_within_is_neither_flagged_nor_kept_nor_told(house: Callable[[], Excluding]):
    here = house()
    for _ in range(60):
        here.source.bump = {A: 500.0} if FROM <= here.now + STEP < TO else {}
        report = here.score()
        inside = FROM <= here.now < TO
        assert all(np.isnan(report.scores.outputs[name]).all() == inside for name in VERDICTS)
        assert all(np.isfinite(report.scores.outputs[name]).all() for name in EXPECTED)
        assert report.scores.values[0, -1] > (500 if inside else 0), "the sample itself is published"
        assert not report.events
        assert report.levels is not None
        assert (report.levels == AlertLevel.OK).all()
        assert not report.texts
        assert not report.failures
    kept = here.history(A)
    inside = (kept.times >= FROM) & (kept.times < TO)
    assert inside.sum() == 30
    assert np.isnan(kept.values[0, inside]).all()
    assert np.isfinite(kept.values[0, ~inside]).all()


@BOTH
def test_the_judge_goes_on_as_if_nothing_had_been_read(house: Callable[[], Excluding]):
    here, quiet = house(), house()
    for _ in range(60):
        here.source.bump = {A: 500.0} if FROM <= here.now + STEP < TO else {}
        quiet.source.bump = {A: -20.0} if FROM <= quiet.now + STEP < TO else {}
        one, other = here.score(), quiet.score()
        for name, output in one.scores.outputs.items():
            np.testing.assert_array_equal(output, other.scores.outputs[name], err_msg=name)
    assert here.runner._memory.judged.keys == (A,)
    assert_same_arrays(here.runner._memory.judged.arrays, quiet.runner._memory.judged.arrays)


def test_a_gap_within_is_no_gap_and_one_after_it_is():
    here = by_times()
    here.source.gone[A] = (FROM, TO)
    for _ in range(45):
        assert not np.any(here.score().scores.outputs[ANOMALY] == 1)
    lengths = here.runner._memory.judged["runs"]["gap_lengths"]
    assert lengths[0, 0, 0] == lengths[0, :, 0].sum(), "every step that counts had its sample"


@pytest.mark.parametrize("enabled", [True, False])
def test_the_detectors_own_verdict_is_silent_too(enabled: bool):
    here = Excluding(A, exclusion=Exclusion(spans=((NOW, TO),)), enabled=enabled).begin()
    here.source.bump = {A: 500.0}
    report = here.score()
    assert all(np.isnan(report.scores.outputs[name]).all() for name in VERDICTS if name in report.scores.outputs)
    assert all(np.isfinite(report.scores.outputs[name]).all() for name in EXPECTED)


@pytest.mark.parametrize(
    ("exclusion", "flags"),
    [(Exclusion(spans=((NOW - HOUR, NOW - HOUR // 2),)), None), (WHEN, Flags(NOW - HOUR, NOW - HOUR // 2))],
)
def test_history_that_is_read_has_the_same_mask(exclusion: Exclusion, flags: Flags | None):
    here = Excluding(A, B, exclusion=exclusion, flags=flags).begin()
    kept = here.history(A)
    inside = (kept.times >= NOW - HOUR) & (kept.times < NOW - HOUR // 2)
    assert np.isnan(kept.values[0, inside]).all()
    assert np.isfinite(kept.values[0, ~inside]).all()
    other = here.history(B)
    assert np.isnan(other.values[0]).any() == (flags is None), "the query is about one of them"
    assert here.runner.state["samples"].tolist() == [kept.values.size - inside.sum(), np.isfinite(other.values).sum()]


@pytest.mark.parametrize(
    ("exclusion", "flags"),
    [(Exclusion(spans=((NOW - HOUR, NOW - HOUR // 2),)), None), (WHEN, Flags(NOW - HOUR, NOW - HOUR // 2))],
)
def test_a_judge_does_not_learn_gaps_from_what_was_left_out(exclusion: Exclusion, flags: Flags | None):
    here = Excluding(A, exclusion=exclusion, flags=flags).begin()
    lengths = here.runner._memory.judged["runs"]["gap_lengths"]
    assert lengths[0, 0, 0] > 400
    assert not lengths[0, 1:].any()


def test_the_second_query_may_fail():
    here = by_query()
    assert here.flags is not None
    here.source.bump = {A: 500.0}
    while here.now < FROM:
        here.source.bump = {}
        here.score()
    assert np.isnan(here.score().scores.outputs[SCORE]).all()
    here.flags.error = SourceError("m: 503", reason="server_error")
    here.source.bump = {A: 500.0}
    report = here.score()
    assert report.scores.outputs[ANOMALY].tolist() == [[1.0]]
    (failure,) = report.failures
    assert (failure.where, failure.reason) == ("maintenance", "server_error")
    assert failure.text == "exclude_when: m: 503; nothing is left out by it"
    assert here.runner.errors["score"] == ""
    here.flags.error = None
    report = here.score()
    assert np.isnan(report.scores.outputs[SCORE]).all()
    assert not report.failures


def test_a_training_goes_on_without_it():
    flags = Flags(FROM, TO)
    flags.error = SourceError("m: 400", reason="bad_query", permanent=True)
    here = Excluding(A, exclusion=WHEN, flags=flags).begin()
    assert set(flags.queries) == {"maintenance"}
    assert np.isfinite(here.sink.reports[-1].scores.outputs[YHAT]).all()


def test_a_first_model_does_not_judge_what_was_left_out():
    here = Excluding(A, exclusion=WHEN, flags=Flags(NOW, TO))
    here.source.bump = {A: 500.0}
    here.score(0)
    here.source.bump = {}
    here.train()
    report = here.sink.reports[-1]
    assert np.isfinite(report.scores.outputs[YHAT]).all()
    assert np.isnan(report.scores.outputs[SCORE]).all()


def test_what_is_excluded_for_longer_than_a_model_lives_is_not_forgotten():
    weekend = Exclusion(spans=((NOW, NOW + 6 * HOUR),))
    here = Excluding(A, exclusion=weekend, window=20 * HOUR, model_ttl=2 * HOUR, enabled=False).begin()
    for _ in range(5):
        here.score(HOUR)
        here.train()
    assert np.isfinite(here.history(A).values).sum() == 15 * HOUR // STEP
    assert np.isfinite(here.sink.reports[-1].scores.outputs[YHAT]).all()
