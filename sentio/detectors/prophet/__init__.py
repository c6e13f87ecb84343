"""Prophet (Taylor and Letham 2018, *Forecasting at scale*) as a detector."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from functools import cached_property

import numpy as np

from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import blank, expected
from sentio.detectors.prophet.options import ProphetOptions
from sentio.state import SeriesStatus, State, merged
from sentio.types import ANOMALY, LOWER, SCORE, UPPER, YHAT, Array, Floats, Forecast, Ints, Panel, Scores, positions

log = logging.getLogger(__name__)

_ROWS_A_TASK = {"stan": range(4, 5), "batch": range(64, 1025)}
_SAMPLES_A_TASK, _SAMPLES_AT_ONCE = 500_000, 4_000_000
_MOST = 1e6


class Prophet:
    """A `sentio.contracts.Forecaster`. Fits run on ``executor``; all else is array arithmetic here."""

    Options = ProphetOptions

    def __init__(self, options: ProphetOptions, executor: Executor) -> None:
        self._options = options
        self._executor = executor
        self._engine = engine_of(options)
        self.samples_at_once = _SAMPLES_AT_ONCE if self._engine == "batch" else 0
        """How many samples one call of `fit` does well with."""
        if self._engine != options.engine:
            log.info("prophet: engine batch does not cover %s; engine stan fits these series", options.uncovered)

    @staticmethod
    def packages(options: ProphetOptions) -> tuple[str, ...]:
        """A saved state is of use only with the same versions of these: they decide its columns."""
        return ("prophet", "holidays") if engine_of(options) == "stan" else ("holidays",)

    @staticmethod
    def preload(options: ProphetOptions) -> tuple[str, ...]:
        """Modules that worker processes should have imported before the first task."""
        return (f"sentio.detectors.prophet.preload_{engine_of(options)}",)

    @cached_property
    def _design(self) -> Design:
        return Design(self._options)

    def fit(self, history: Panel) -> State:
        """`Detector.fit`: one Prophet a series."""
        fit_rows = _fitter(self._engine)
        rows = _rows_a_task(self._engine, len(history.times))
        tasks: list[tuple[slice, Future[dict[str, Array]]]] = []
        for first in range(0, len(history.keys), rows):
            part = slice(first, first + rows)
            values = np.ascontiguousarray(history.values[part])
            tasks.append((part, self._executor.submit(fit_rows, self._options, history.times, values)))
        try:
            parts = [self._collect(history.rows(part), task) for part, task in tasks]
        finally:
            for _, task in tasks:
                task.cancel()
        return merged(parts)

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


def engine_of(options: ProphetOptions) -> str:
    """The engine that fits: the one that was asked for, where it covers what else was."""
    return "stan" if options.uncovered else options.engine


def _fitter(engine: str) -> Callable[[ProphetOptions, Ints, Floats], dict[str, Array]]:
    # Here, not above: what is not used need not be imported.
    if engine == "stan":
        from sentio.detectors.prophet.stan import fit_rows

        return fit_rows
    from sentio.detectors.prophet.batch import fit_rows as fit_panel

    return fit_panel


def _rows_a_task(engine: str, samples: int) -> int:
    rows = _ROWS_A_TASK[engine]
    return min(max(_SAMPLES_A_TASK // max(1, samples), rows.start), rows.stop - 1)
