"""The models of PyOD (Zhao, Nasrullah and Li 2019) over windows of lagged values, after Anomstack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from typing import ClassVar

import numpy as np

from sentio.detectors.pyod.cache import Cache, digest
from sentio.detectors.pyod.features import features, tail, together
from sentio.detectors.pyod.fits import Models, Window, fit_windows, judged
from sentio.detectors.pyod.models import hush
from sentio.detectors.pyod.options import PyodOptions
from sentio.detectors.pyod.state import blank, keep, kept, pack
from sentio.online import agreeing
from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, SCORE, Array, Floats, Ints, Panel, Scores, positions

_SERIES_A_TASK = 4


class Pyod:
    """A `sentio.contracts.Detector`, fitted anew with every training.

    Its state is the window that each series was learned from, and no model: those are fitted on ``executor``, kept in
    mind, and fitted again from the window where they are not known, as after a restart.
    """

    Options = PyodOptions
    learns_from_every_step: ClassVar[bool] = True
    """A difference from the sample before is another one on a coarser grid."""
    learns_from_anomalies: ClassVar[bool] = True
    """The scale ends at the strangest sample of the window, so without those each training would flag more; and what
    is left out would be missing among the samples before the next."""

    def __init__(self, options: PyodOptions, executor: Executor) -> None:
        self._options = options
        self._executor = executor
        self._cache = Cache()
        hush()

    @staticmethod
    def packages(_options: PyodOptions) -> tuple[str, ...]:
        """A model is the same only with the same versions of these."""
        return ("pyod", "scikit-learn")

    @staticmethod
    def preload(options: PyodOptions) -> tuple[str, ...]:
        """Modules that worker processes should have imported before the first task."""
        return tuple(dict.fromkeys(f"pyod.models.{model.name.lower()}" for model in options.models))

    def fit(self, history: Panel) -> State:
        """`Detector.fit`: the models of each series, learned from its newest samples."""
        windows = [self._window(history.times, row) for row in history.values]
        arrays = blank(history.times, history.values, windows)
        due = [i for i, (times, _) in enumerate(windows) if len(times) >= self._options.min_samples]
        details, learned = [""] * len(windows), list[int]()
        for i, found in zip(due, self._fitted([windows[i] for i in due]), strict=True):
            if isinstance(found, str):
                arrays["status"][i], details[i] = SeriesStatus.FAILED, found
                continue
            arrays["status"][i], arrays["digest"][i] = SeriesStatus.READY, digest(windows[i])
            self._cache.put(arrays["digest"][i], found)
            learned.append(i)
        arrays["detail"] = np.array(details, dtype=np.str_)
        pack(arrays, "window", {i: windows[i] for i in learned})
        pack(arrays, "tail", {i: tail(*windows[i], self._options.preprocess) for i in learned})
        return State(history.keys, arrays)

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`: what the models make of each sample, together with those before it."""
        said = np.full(fresh.values.shape, np.nan)
        at = positions(fresh.keys, state.keys) if state.keys else np.full(len(fresh.keys), -1)
        there = np.isfinite(fresh.values)
        rows = np.flatnonzero((at >= 0) & there.any(axis=1))
        rows = np.array([i for i in rows.tolist() if state["status"][at[i]] == SeriesStatus.READY], np.int64)
        if len(rows):
            self._cache.room_for(len(state.keys))
            models, failed = self._models(state, at[rows])
            tails: dict[int, Window] = {}
            for i in rows.tolist():
                new = fresh.times[there[i]], fresh.values[i, there[i]]
                known = together(kept(state, "tail", at[i]), new)
                tails[at[i]] = tail(*known, self._options.preprocess)
                if at[i] in models:
                    said[i] = self._said(models[at[i]], known, fresh.times, there[i])
            state = keep(state, tails, failed)
        score, anomaly = agreeing(said / self._options.threshold, said >= self._options.threshold)
        outputs = {SCORE: score, ANOMALY: anomaly, "score": said}
        return state, Scores(fresh.keys, fresh.times, fresh.values, outputs)

    def refitted(self, before: State, fitted: State) -> State:
        """``fitted``, which knows the samples that were scored ``before`` while it was being fitted, too: the next one
        is told by its difference from them."""
        at = positions(fitted.keys, before.keys)
        tails: dict[int, Window] = {}
        for i in np.flatnonzero((at >= 0) & (fitted["status"] == SeriesStatus.READY)).tolist():
            times, values = kept(before, "tail", at[i])
            later = times > fitted["fitted_at"][i]
            if later.any():
                known = together(kept(fitted, "tail", i), (times[later], values[later]))
                tails[i] = tail(*known, self._options.preprocess)
        return keep(fitted, tails, {}) if tails else fitted

    def _window(self, times: Ints, values: Floats) -> Window:
        there = np.flatnonzero(np.isfinite(values))[-self._options.train_samples :]
        return times[there], np.asarray(values[there], np.float64)

    def _said(self, models: Models, known: Window, times: Ints, there: Array) -> Floats:
        """``[m]``: the score of what is ``there`` at ``times``; the highest where several bins end at once."""
        out = np.full(len(times), np.nan)
        when, rows = features(*known, self._options.preprocess)
        # Rows are asked about that are new, not those of the tail.
        at = np.searchsorted(times, when)
        wanted = np.flatnonzero((at < len(times)) & (times[np.minimum(at, len(times) - 1)] == when))
        wanted = wanted[there[at[wanted]]]
        np.fmax.at(out, at[wanted], judged(models, self._options, rows[wanted]))
        return out

    def _models(self, state: State, rows: Ints) -> tuple[dict[int, Models], dict[int, str]]:
        """The models of the series in ``rows`` of ``state``, and why a series has none."""
        found = {i: self._cache.get(state["digest"][i]) for i in rows.tolist()}
        unknown = [i for i, models in found.items() if models is None]
        models, failed = {i: m for i, m in found.items() if m is not None}, dict[int, str]()
        for i, again in zip(unknown, self._fitted([kept(state, "window", i) for i in unknown]), strict=True):
            if isinstance(again, str):
                failed[i] = again
                continue
            self._cache.put(state["digest"][i], again)
            models[i] = again
        return models, failed

    def _fitted(self, windows: Sequence[Window]) -> Iterator[Models | str]:
        """For each of ``windows`` its models, or why there are none."""
        parts = [windows[i : i + _SERIES_A_TASK] for i in range(0, len(windows), _SERIES_A_TASK)]
        tasks = [self._executor.submit(fit_windows, self._options, part) for part in parts]
        try:
            for part, task in zip(parts, tasks, strict=True):
                yield from _collected(part, task)
        finally:
            for task in tasks:
                task.cancel()


def _collected(windows: Sequence[Window], task: Future[list[Models | str]]) -> Sequence[Models | str]:
    try:
        return task.result()
    except (CancelledError, RuntimeError):
        raise  # the pool is being closed
    except Exception as error:  # noqa: BLE001 # what it is, is these series' alone
        return [str(error)] * len(windows)
