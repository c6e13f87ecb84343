"""Scores made of lists, and alerts run over them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentio.alerting import Alerting, Change, Outcome, Rule, Rules
from sentio.state import State
from sentio.types import ANOMALY, LOWER, SCORE, SECOND, UPPER, YHAT, Scores, SeriesKey

STEP = 60 * SECOND
START = 1_700_000_040 * SECOND
NAN = float("nan")


def keys(*names: str) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey("m", (("i", name),)) for name in names)


def scored(values: Sequence[Sequence[float]], **outputs: Sequence[Sequence[float]]) -> Scores:
    """One row a series, one column a minute. Without outputs of its own the score is the value itself."""
    array = np.array(values, np.float64)
    found = {name: np.array(rows, np.float64) for name, rows in outputs.items()} or {SCORE: array}
    names = keys(*map(str, range(len(array))))
    return Scores(names, START + STEP * np.arange(array.shape[1], dtype=np.int64), array, found)


def standard(value: float, score: float) -> Scores:
    """One sample of one series with every standard output."""
    found = {YHAT: 10.0, LOWER: 8.0, UPPER: 12.0, SCORE: score, ANOMALY: float(score > 1)}
    return scored([[value]], **{name: [[number]] for name, number in found.items()})


def cut(scores: Scores, start: int, end: int) -> Scores:
    """The columns from ``start`` up to ``end``."""
    part = slice(start, end)
    outputs = {name: output[:, part] for name, output in scores.outputs.items()}
    return Scores(scores.keys, scores.times[part], scores.values[:, part], outputs)


def rows(scores: Scores, index: Sequence[int]) -> Scores:
    """The series at ``index``."""
    at = list(index)
    outputs = {name: output[at] for name, output in scores.outputs.items()}
    return Scores(tuple(scores.keys[i] for i in at), scores.times, scores.values[at], outputs)


def warned(when: str, reset: str = "", **more: object) -> Alerting:
    """Alerts with the one level `warning`, left at once unless ``more`` says otherwise."""
    return Alerting(Rules(warning=Rule(when, reset), **{"recovery": 1, **more}))  # type: ignore[arg-type]


def run(alerting: Alerting, scores: Scores, state: State | None = None) -> tuple[State, list[Outcome]]:
    """Sample by sample; the last state, and the outcome of each."""
    state = alerting.blank(scores.keys) if state is None else state
    outcomes = []
    for column in range(len(scores.times)):
        state, outcome = alerting.step(state, cut(scores, column, column + 1))
        outcomes.append(outcome)
    return state, outcomes


def levels(alerting: Alerting, values: Sequence[float], **outputs: Sequence[float]) -> list[int]:
    """The level of one series after each of its values."""
    _, outcomes = run(alerting, scored([values], **{name: [row] for name, row in outputs.items()}))
    return [int(outcome.level[0]) for outcome in outcomes]


def changes(alerting: Alerting, values: Sequence[float]) -> list[tuple[int, int, int, int, str]]:
    """Of one series: minute, level before and after, minute in which the alert began, cause."""
    _, outcomes = run(alerting, scored([values]))
    return [told(change) for outcome in outcomes for change in outcome.changed]


def told(change: Change) -> tuple[int, int, int, int, str]:
    at, since = (change.at - START) // STEP, (change.since - START) // STEP
    return at, int(change.level_from), int(change.level_to), since, change.cause
