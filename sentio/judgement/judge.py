"""The judge: between what a detector expects of a sample and the flag that is raised.

Pure: a state goes in, and the next one comes out. Samples may be given in one go or in pieces; no bit differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, cast

import numpy as np

from sentio.hours import put_forward
from sentio.judgement import budget as _budget
from sentio.judgement import incidents as _incidents
from sentio.judgement.bounds import SECOND_NIGHT
from sentio.judgement.budget import BUDGET, Budget
from sentio.judgement.evidence import RUNS, Evidence, Runs, nothing
from sentio.judgement.evident import Watch
from sentio.judgement.incidents import Incidents, Samples, follow
from sentio.judgement.kernel import run
from sentio.judgement.policy import Policy
from sentio.judgement.runs import glance
from sentio.judgement.terms import Terms, Verdict
from sentio.judgement.track import Track
from sentio.judgement.track import blank as _blank_track
from sentio.judgement.units import AN_HOUR
from sentio.state import State
from sentio.types import (
    ANOMALY,
    LOWER,
    PVALUE,
    SCORE,
    UPPER,
    YHAT,
    Array,
    Bools,
    Floats,
    Forecast,
    Ints,
    Keys,
    Panel,
    Scores,
    SeriesKey,
)

COVERAGE, SKILL, BIAS, FALLBACK = (
    "forecast_coverage_ratio",
    "forecast_skill_ratio",
    "forecast_bias",
    "forecast_fallback",
)
"""Outputs about the forecast of a series, beside the standard ones."""
KIND = "anomaly_type"
"""`Kind` of the incident that is open, 0 for none."""

_VERDICTS = (SCORE, ANOMALY, PVALUE)
_TRACK = "track"
_FITTED = "model_at"
_UNIT = 2.5758
"""Half of a 99 % band of the standard normal distribution."""
_LEAST_STEPS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """``scores`` as they are to be published, the ``incidents`` after each sample, and by how much the model's own band
    is to be widened, ``widening [S]``."""

    scores: Scores
    incidents: Incidents | None
    widening: Floats


class Judge:
    """Judges what a detector says, as ``policy`` asks."""

    def __init__(self, policy: Policy, step: int) -> None:
        """``step``: ns between the samples that are scored."""
        # A shift of fewer steps is a spike, and what stands still would be normal before it is seen.
        policy = replace(policy, accept_after=max(policy.accept_after, _LEAST_STEPS * step))
        self.policy, self._step = policy, step
        low, high = policy.data_range or (-math.inf, math.inf)
        self._terms = Terms(
            # Whole numbers would be another type to the kernel, which is then compiled anew.
            budget=float(policy.false_alarms),
            outside=1 - policy.interval_width,
            accept_after=float(policy.accept_after),
            above=policy.above,
            below=policy.below,
            units=float(policy.min_deviation),
            part=policy.min_percent / 100,
            resolution=float(policy.resolution),
            lowest=float(low),
            highest=float(high),
            of_values=True,
            # Samples further apart lie in some of the hours alone, and what is known is not to leave these.
            clock=put_forward(policy.timezone if step <= AN_HOUR else "UTC"),
        )
        self._width = NormalDist().inv_cdf((1 + policy.interval_width) / 2)
        self._layout = _layout(self.blank(()))

    def blank(self, keys: Keys) -> State:
        """Of series of which nothing is known yet."""
        track = {_TRACK: _blank_track(len(keys))}
        model = {_FITTED: np.zeros(len(keys), np.int64)}
        return State(keys, {**track, **_incidents.blank(len(keys)), **_budget.blank(len(keys)), **model})

    def fits(self, state: State) -> bool:
        """Whether ``state`` is one of this version's."""
        return _layout(state) == self._layout

    def onto(self, state: State, keys: Keys) -> State:
        """``state`` for exactly ``keys``; those that it lacks are blank."""
        if state.keys == keys and self.fits(state):
            return State(keys, state.arrays)
        blank = self.blank(keys)
        return state.onto(blank) if state.keys and self.fits(state) else blank

    def let_go(self, state: State) -> State:
        """``state`` of series that are not awaited any more: what was the matter with them is over, whether or not they
        come back."""
        return State(state.keys, {**state.arrays, **_incidents.over(state.arrays)})

    def times(self, state: State) -> Ints:
        """``[S]`` ns of the newest sample that was judged; far in the past where there is none."""
        return np.asarray(state[_TRACK]["at"])

    def models(self, state: State) -> Ints:
        """``[S]`` ns: which model judged it, by when that was fitted."""
        return np.asarray(state[_FITTED])

    def learn(
        self, state: State, history: Panel, step: int, scores: Scores, fitted_at: Ints, left_out: Bools | None = None
    ) -> State:
        """The state after ``history [S, n]``, ``step`` ns apart, whose ``scores`` the detector gave: what errors are
        usual, but for what is ``left_out [S, n]``. Nothing is said of it."""
        arrays = dict(state.arrays)
        every, before = max(1, step // self._step), np.full(len(state.keys), np.nan)
        skip = _none_of(scores) if left_out is None else left_out
        came = (np.isfinite(scores.values) & ~skip).sum(axis=1)
        young = np.asarray(arrays[_TRACK]["age"] + step * came < SECOND_NIGHT)
        verdict, _ = self._run(arrays, history.times, step, scores, before, skip, young, watched=every == 1)
        if every > 1:
            base, scale = verdict.base, verdict.scale
            arrays |= glance(arrays, history.times, every, scores.values, base, scale, skip, young)
        arrays[_FITTED] = np.asarray(fitted_at, np.int64)
        return State(state.keys, arrays)

    def judge(
        self, state: State, scores: Scores, *, before: Floats, fitted_at: Ints, left_out: Bools | None = None,
        unbegun: Bools | None = None, whole: bool = True,
    ) -> tuple[State, Judged]:  # fmt: skip
        """The state after ``scores [S, m]`` of the detector, and what is to be published of them.

        ``before [S]``: what the model expects of `times`; NaN where it is the one that judged the last sample.
        ``fitted_at [S]`` ns: which model that is. ``left_out [S, m]``: samples that are neither judged nor learned
        from. ``unbegun [S]``: series whose past is still to be learned from: they are left out, and their band is the
        model's own. ``whole``: a sample that is not there did not arrive; else it may not have been read.
        """
        if not self.policy.enabled:
            return state, Judged(_unjudged(scores, left_out), None, np.ones(len(scores.keys)))
        skip = _none_of(scores) if left_out is None else left_out
        if unbegun is not None:
            skip = skip | unbegun[:, None]
        arrays, old = dict(state.arrays), np.zeros(len(scores.keys), bool)
        verdict, evidence = self._run(arrays, scores.times, self._step, scores, before, skip, old, watched=whole)
        arrays[_FITTED] = np.asarray(fitted_at, np.int64)
        outputs = self._outputs(scores, _modelled(verdict, scores, unbegun))
        incidents = None
        # An output that there is, also where nothing is known of it yet: alerts tell that from one that there is not.
        outputs[KIND] = np.full(scores.values.shape, np.nan)
        if whole and len(scores.times):
            values = np.where(skip, np.nan, scores.values)
            seen = Samples(values, verdict.base, verdict.scale, outputs[ANOMALY], outputs[SCORE])
            arrays, incidents = follow(arrays, scores.times, self._step, seen, evidence)
            incidents = incidents._replace(open=incidents.open & ~skip)
            outputs[KIND] = np.where(incidents.open, incidents.kind, 0).astype(np.float64)
        widening = verdict.widening[:, -1] if len(scores.times) else np.ones(len(scores.keys))
        judged = Scores(scores.keys, scores.times, scores.values, outputs)
        return State(state.keys, arrays), Judged(judged, incidents, np.nan_to_num(widening, nan=1.0))

    def _run(
        self, arrays: dict[str, Array], times: Ints, step: int, scores: Scores, before: Floats, left_out: Bools,
        young: Bools, watched: bool,
    ) -> tuple[Verdict, Evidence]:  # fmt: skip
        """What the kernel says, and what it has seen where it ``watched``; ``arrays`` get what it remembers."""
        shape = scores.values.shape
        track, runs, budget = (np.array(arrays[name]) for name in (_TRACK, RUNS, BUDGET))
        out = Verdict._make(np.full(shape, np.nan) for _ in Verdict._fields)
        evidence = nothing(shape)
        values, yhat, half = (np.ascontiguousarray(a, np.float64) for a in self._expected(scores))
        own = np.ascontiguousarray(scores.values, np.float64)
        at, skip = np.ascontiguousarray(times, np.int64), np.ascontiguousarray(left_out)
        watch = Watch(watched, own, young, cast(Runs, runs), cast(Budget, budget), evidence)
        terms = self._terms
        if YHAT not in scores.outputs:
            # A score that is lower than usual says that all is well; and it has not the steps of the values.
            terms = terms._replace(above=True, below=False, units=0.0, part=0.0, resolution=0.0, of_values=False)
        run(at, step, values, yhat, half, before, skip, watch, terms, cast(Track, track), out)
        arrays |= {_TRACK: track, RUNS: runs, BUDGET: budget}
        if YHAT in scores.outputs:
            return out, evidence
        # They are of the detector's score, and say nothing of how large the values should be.
        return out._replace(base=np.full(shape, np.nan), scale=np.full(shape, np.nan)), evidence

    def _expected(self, scores: Scores) -> tuple[Floats, Floats, Floats]:
        """Values, what is expected of them, and half of a 99 % band. A detector that expects nothing has a score, and
        that is judged in place of the sample: how rare it is, and above what is usual only."""
        outputs = scores.outputs
        if YHAT in outputs:
            half = (outputs[UPPER] - outputs[LOWER]) / 2
            return scores.values, outputs[YHAT], half * (_UNIT / self._width)
        score = outputs[SCORE]
        return score, np.zeros_like(score), np.full_like(score, _UNIT)

    def _outputs(self, scores: Scores, verdict: Verdict) -> dict[str, Floats]:
        outputs, score = dict(scores.outputs), verdict.score
        if YHAT in outputs:
            outputs |= self._band(verdict)
            outputs |= {COVERAGE: verdict.coverage, SKILL: verdict.skill, BIAS: verdict.bias}
            outputs |= {FALLBACK: verdict.fallback}
        flag = np.where(np.isnan(score), np.nan, (score > 1).astype(np.float64))
        return {**outputs, SCORE: score, ANOMALY: flag, PVALUE: verdict.pvalue}

    def _band(self, verdict: Verdict) -> dict[str, Floats]:
        edges = self._drawn(verdict.expected, verdict.lower, verdict.upper, np.ones(()))
        return dict(zip((YHAT, LOWER, UPPER), edges, strict=True))

    def ahead(self, forecast: Forecast, widening: Floats) -> Forecast:
        """The model's ``forecast`` as it is to be published: its band wider by ``widening [S]``, as `Judged` has it."""
        if not self.policy.enabled:
            return forecast
        yhat, lower, upper = self._drawn(forecast.yhat, forecast.lower, forecast.upper, widening[:, None])
        return replace(forecast, yhat=yhat, lower=lower, upper=upper)

    def _drawn(self, yhat: Floats, lower: Floats, upper: Floats, wider: Floats) -> tuple[Floats, Floats, Floats]:
        """What is expected and its band, ``wider`` and as the policy has it."""
        policy = self.policy
        band = (
            yhat,
            yhat - (yhat - lower) * (wider * policy.scale[0]),
            yhat + (upper - yhat) * (wider * policy.scale[1]),
        )
        if policy.clip and policy.data_range is not None:
            low, high = policy.data_range
            return np.clip(band[0], low, high), np.clip(band[1], low, high), np.clip(band[2], low, high)
        return band


def _layout(state: State) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    return {name: (array.shape[1:], array.dtype) for name, array in state.arrays.items()}


def _modelled(verdict: Verdict, scores: Scores, unbegun: Bools | None) -> Verdict:
    """``verdict`` with the model's own band for those that are ``unbegun [S]``."""
    if unbegun is None or YHAT not in scores.outputs:
        return verdict
    own = {"expected": YHAT, "lower": LOWER, "upper": UPPER}
    bands = {f: np.where(unbegun[:, None], scores.outputs[o], getattr(verdict, f)) for f, o in own.items()}
    return verdict._replace(**bands)


def _none_of(scores: Scores) -> Bools:
    return np.zeros(scores.values.shape, bool)


def _unjudged(scores: Scores, left_out: Bools | None) -> Scores:
    """``scores`` of the detector itself without what it says of samples that are left out."""
    if left_out is None:
        return scores
    silent = {name: np.where(left_out, np.nan, o) for name, o in scores.outputs.items() if name in _VERDICTS}
    return Scores(scores.keys, scores.times, scores.values, {**scores.outputs, **silent})


def warm() -> None:
    """Have what scores compiled, or read from where it was kept: one large kernel, most of what there is to compile."""
    judge, state, scores = _one_sample()
    none = np.zeros(1, bool)
    judge._run(dict(state.arrays), scores.times, 1, scores, np.full(1, np.nan), _none_of(scores), none, watched=True)


def warm_incidents() -> None:
    """The same of what comes after the score: incidents and their types."""
    _, state, scores = _one_sample()
    values = scores.values
    follow(state.arrays, scores.times, 1, Samples(values, values, values, values, values), nothing(values.shape))


def _one_sample() -> tuple[Judge, State, Scores]:
    judge, series, one = Judge(Policy(), 1), (SeriesKey("m"),), np.ones((1, 1))
    outputs = {YHAT: one, LOWER: one - 1, UPPER: one + 1}
    return judge, judge.blank(series), Scores(series, np.zeros(1, np.int64), one, outputs)
