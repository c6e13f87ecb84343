"""Prophet (Taylor and Letham 2018, *Forecasting at scale*) as a detector."""

from __future__ import annotations

from concurrent.futures import CancelledError, Executor, Future
from functools import cached_property

import numpy as np

from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import blank, expected
from sentio.detectors.prophet.options import ProphetOptions
from sentio.types import (
    ANOMALY,
    LOWER,
    SCORE,
    UPPER,
    YHAT,
    Array,
    Forecast,
    Ints,
    Panel,
    Scores,
    SeriesStatus,
    State,
    positions,
)

_ROWS_A_TASK = 4
_MOST = 1e6


class Prophet:
    """A `sentio.contracts.Forecaster`. Fits run on ``executor``; all else is array arithmetic here."""

    Options = ProphetOptions
    packages = ("prophet", "holidays")
    """A saved state is of use only with the same versions of these: they decide its columns."""
    preload = ("sentio.detectors.prophet.preload",)
    """Modules that worker processes should have imported before the first task."""

    def __init__(self, options: ProphetOptions, executor: Executor) -> None:
        self._options = options
        self._executor = executor

    @cached_property
    def _design(self) -> Design:
        return Design(self._options)

    def fit(self, history: Panel) -> State:
        """`Detector.fit`: one Prophet a series."""
        from sentio.detectors.prophet.stan import fit_rows

        tasks: list[tuple[slice, Future[dict[str, Array]]]] = []
        for first in range(0, len(history.keys), _ROWS_A_TASK):
            part = slice(first, first + _ROWS_A_TASK)
            values = np.ascontiguousarray(history.values[part])
            tasks.append((part, self._executor.submit(fit_rows, self._options, history.times, values)))
        state = State((), {})
        try:
            for part, task in tasks:
                state = state.merge(self._collect(history.rows(part), task))
        finally:
            for _, task in tasks:
                task.cancel()
        return state

    def _collect(self, history: Panel, task: Future[dict[str, Array]]) -> State:
        try:
            return State(history.keys, task.result())
        except (CancelledError, RuntimeError):
            raise  # the pool is being closed
        except Exception as error:  # noqa: BLE001 # what it is, is these series' alone
            arrays = blank(len(history.keys), self._design)
            arrays["status"][:] = SeriesStatus.FAILED
            arrays["fitted_at"][:] = history.times[-1]
            arrays["detail"] = np.full(len(history.keys), str(error))
            return State(history.keys, arrays)

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`: the distance from ``yhat`` over the distance of the band's edge, 1 at the edge."""
        at = positions(fresh.keys, state.keys)
        yhat = np.full(fresh.values.shape, np.nan)
        half = np.full(fresh.values.shape, np.nan)
        if state.keys:
            known = expected(state, self._design, fresh.times)
            yhat[at >= 0], half[at >= 0] = known.yhat[at[at >= 0]], known.half[at[at >= 0]]
        with np.errstate(over="ignore", invalid="ignore"):
            score = np.minimum(np.abs(fresh.values - yhat) / half, _MOST)
            anomaly = np.where(np.isnan(score), np.nan, (score > 1).astype(float))
        outputs = {YHAT: yhat, LOWER: yhat - half, UPPER: yhat + half, SCORE: score, ANOMALY: anomaly}
        return state, Scores(fresh.keys, fresh.times, fresh.values, outputs)

    def forecast(self, state: State, times: Ints) -> Forecast:
        """`Forecaster.forecast`."""
        if not state.keys:
            none = np.empty((0, len(times)))
            return Forecast((), times, none, none, none, 0)
        known = expected(state, self._design, times)
        made_at = int(state["fitted_at"].max())
        return Forecast(state.keys, times, known.yhat, known.yhat - known.half, known.yhat + known.half, made_at)
