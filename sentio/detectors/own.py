"""A detector of one's own, written as datastream.io's are: a class that is told of one series at a time.

=========================================================  =====================================
``fit(x)``, ``update(x)``, ``score_anomaly(x)``, and        its later names
``flag_anomaly(x)`` if it is there
``train(x)``, ``update(x)``, ``score(x)``                   its first names
=========================================================  =====================================

``x`` is a `pandas.Series` of float64. An instance is never saved. What is saved are the samples that it was taught, and
it is taught them again after a restart.

==============  ====  ==========================================================================
kept            S×w   samples, the oldest first: what was learned from, then the batch under way
first           S     of these, what ``fit`` is given
learned         S     ``fit`` and each ``update``, of ``batch`` samples, together
number          S     of the batch under way
fault           S     what the class raised; empty where it did not
==============  ====  ==========================================================================
"""

from __future__ import annotations

import copy
import functools
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sentio.config.misfit import misfit
from sentio.config.signature import Arguments
from sentio.errors import SeriesError
from sentio.online import Arrays, Online, agreeing
from sentio.remembered import Remembered, digest
from sentio.state import SeriesStatus, State
from sentio.types import ANOMALY, SCORE, Array, Bools, Floats, Ints, Panel, Scores

_MOST = 1e6
"""Of an anomaly score."""
_THRESHOLD = 0.99
"""What decides where a class does not: above it, or below one less it."""
_WIDTH = 64
"""Samples that room is made for at a time."""
_SHOWN = 200
"""Characters of a fault."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a class calls the steps."""

    fit: str
    update: str
    score: str
    flag: str = ""

    def lacking(self, found: type) -> list[str]:
        """Those that it does not have."""
        return [name for name in (self.fit, self.update, self.score) if not callable(getattr(found, name, None))]


_LATER, _FIRST = Names("fit", "update", "score_anomaly", "flag_anomaly"), Names("train", "update", "score")
_RIGHT = (
    "fit, update and score_anomaly, or train, update and score, or fit and score beside a nested class "
    "Options(sentio.config.options.Options) are expected"
)


class Own(Online):
    """A `sentio.contracts.Detector` of such a class; `adapted` makes the subclass for it."""

    Options: ClassVar[type[Arguments]]
    names: ClassVar[Names]

    begins_at_once = False
    outputs = ("score",)

    def __init__(self, options: Arguments, executor: Executor) -> None:
        del executor  # an instance stays in this process
        self._options = options
        self._taught: Remembered[object] = Remembered()

    def blank(self, series: int) -> Arrays:
        """`Online.blank`."""
        counts = {name: np.zeros(series, np.int64) for name in ("first", "learned", "number")}
        return counts | {"kept": np.zeros((series, 0)), "fault": np.full(series, "", "U1")}

    def fit(self, history: Panel) -> State:
        """`Detector.fit`."""
        return _with_faults(super().fit(history))

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`."""
        state, scores = super().score(state, fresh)
        return _with_faults(state), scores

    def begin(self, own: Arrays, times: Ints, values: Floats) -> None:
        """The history is the first batch, of which the newest samples are kept."""
        faults = own["fault"].tolist()
        self._taught.have_room(len(values))
        self._make_room(own, values, np.zeros(values.shape, bool))
        for s, row in enumerate(values):
            samples = row[~np.isnan(row)][-self._options.keep :]
            own["kept"][s, : len(samples)], own["number"][s] = samples, len(samples)
            try:
                self._end(own, s)
                if own["learned"][s]:
                    self._instance(own, s)
            except SeriesError as error:
                faults[s] = str(error)
        own["fault"] = np.array(faults, np.str_)

    def step(self, own: Arrays, times: Ints, values: Floats, again: Bools) -> dict[str, Floats]:
        """`Online.step`."""
        faults = own["fault"].tolist()
        self._taught.have_room(len(values))
        self._make_room(own, values, again)
        score, flag = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        for s in np.flatnonzero(~np.isnan(values).all(axis=1)).tolist():
            if faults[s]:
                continue
            try:
                self._judge(own, s, values[s], again[s], score[s], flag[s])
            except SeriesError as error:
                faults[s] = str(error)
        own["fault"] = np.array(faults, np.str_)
        far = np.abs(score) if self.names.flag else np.abs(score - 0.5) / (_THRESHOLD - 0.5)
        standard, anomaly = agreeing(np.minimum(far, _MOST), flag > 0)
        return {SCORE: standard, ANOMALY: anomaly, "score": score}

    def _judge(self, own: Arrays, s: int, values: Floats, again: Bools, score: Floats, flag: Floats) -> None:
        """One series. Raises `SeriesError`: the class has raised; what was judged before is in its place."""
        instance = None
        for j in np.flatnonzero(~np.isnan(values)).tolist():
            if own["learned"][s]:
                instance = self._instance(own, s) if instance is None else instance
                score[j], flag[j] = self._said(instance, values[j])
            if again[j]:
                continue
            own["kept"][s, own["learned"][s] + own["number"][s]] = values[j]
            own["number"][s] += 1
            if own["number"][s] >= self._options.batch:
                self._end(own, s)
                instance = None

    def _said(self, instance: object, value: float) -> tuple[float, float]:
        """Score and flag of one sample alone: what else has come with it must not matter. Of a copy, for what a
        judgement may change was not learned."""
        copied = _copied(instance)
        score = _number(copied, self.names.score, value)
        if not self.names.flag or np.isnan(score):
            return score, float(score > _THRESHOLD or score < 1 - _THRESHOLD)
        flag = _number(copied, self.names.flag, value)
        return (score, flag) if not np.isnan(flag) else (np.nan, np.nan)

    def _end(self, own: Arrays, s: int) -> None:
        """Learn from the batch under way. A first one of a single sample goes on; the oldest samples are let go, and
        ``fit`` is given what is left of the first batch, or the next."""
        batch, keep = self._options.batch, self._options.keep
        if own["learned"][s] + own["number"][s] < self.least:
            return
        learned = int(own["learned"][s] + own["number"][s])
        first = int(own["first"][s]) or learned
        gone = max(0, learned - keep)
        if gone:
            own["kept"][s] = np.concatenate([own["kept"][s, gone:], np.zeros(gone)])
            learned, first = learned - gone, first - gone
            while first < min(batch, learned):
                first += batch
        own["first"][s], own["learned"][s], own["number"][s] = first, learned, 0

    def _make_room(self, own: Arrays, values: Floats, again: Bools) -> None:
        """For the samples that are fresh, as far as they are ever kept at once."""
        fresh = (~np.isnan(values) & ~again).sum(axis=1)
        most = int((own["learned"] + own["number"] + fresh).max(initial=0))
        most = min(-(-most // _WIDTH) * _WIDTH, self._options.keep + self._options.batch)
        own["kept"] = np.pad(own["kept"], [(0, 0), (0, max(0, most - own["kept"].shape[1]))])

    def _instance(self, own: Arrays, s: int) -> object:
        """One that was taught what is kept: nobody may change it, for it is remembered."""
        first, samples = int(own["first"][s]), own["kept"][s, : own["learned"][s]]
        key = digest(samples, first)
        known = self._taught.get(key)
        return self._taught.put(key, self._teach(first, samples)) if known is None else known

    def _teach(self, first: int, samples: Floats) -> object:
        batch = self._options.batch
        before = None
        if len(samples) > first:
            before = self._taught.get(digest(samples[:-batch], first))
        if before is not None:
            instance, at = _copied(before), len(samples) - batch
        else:
            instance, at = _called(self._options.make, type(self).__name__), first
            _told(instance, self.names.fit, samples[:first])
        for begin in range(at, len(samples), batch):
            _told(instance, self.names.update, samples[begin : begin + batch])
        return instance


@functools.cache
def adapted(found: type) -> type[Own]:
    """The detector that ``found`` makes. The same class gives the same one, so that a reload sees what did not change.
    Raises `ValueError`, a `misfit` without a subject: what it lacks, or a parameter that cannot be an option."""
    names = min((_LATER, _FIRST), key=lambda names: len(names.lacking(found)))
    lacking = names.lacking(found)
    if lacking:
        having = [n for n in dict.fromkeys(("fit", "train", "update", "score_anomaly", "score")) if _has(found, n)]
        if not having:
            raise misfit("a class without Options and without these methods", _RIGHT)
        raise misfit(f"which has {' and '.join(having)}, but no {' and no '.join(lacking)}", _RIGHT)
    flag = names.flag if names.flag and _has(found, names.flag) else ""
    parts = {
        "Options": Arguments.of(found),
        "names": Names(names.fit, names.update, names.score, flag),
        "__doc__": found.__doc__ or f"`{found.__qualname__}`, as a `sentio.contracts.Detector`.",
        "__module__": __name__,
    }
    return type(found.__name__, (Own,), parts)


def _has(found: type, name: str) -> bool:
    return callable(getattr(found, name, None))


def _with_faults(state: State) -> State:
    """``state`` with the series failed whose class has raised."""
    failed = state.arrays.get("fault", np.empty(0, np.str_)) != ""
    if not failed.any():
        return state
    status: Array = np.where(failed, SeriesStatus.FAILED, state["status"]).astype(np.int8)
    return State(state.keys, {**state.arrays, "status": status, "detail": state["fault"]})


def _number(instance: object, name: str, value: float) -> float:
    said = _told(instance, name, np.array([value]))
    numbers = _called(lambda: np.asarray(said, np.float64).reshape(-1), f"{type(instance).__name__}.{name}")
    if len(numbers) != 1:
        raise SeriesError(f"{type(instance).__name__}.{name}: gives {len(numbers)} values for 1 sample; 1 is expected")
    return float(numbers[0])


def _told(instance: object, name: str, samples: Floats) -> Any:
    """What the method ``name`` gives for ``samples``, a copy of them."""
    method = getattr(instance, name)
    return _called(lambda: method(pd.Series(samples.copy())), f"{type(instance).__name__}.{name}")


def _copied(instance: object) -> object:
    return _called(lambda: copy.deepcopy(instance), f"{type(instance).__name__}: a copy")


def _called(function: Any, where: str) -> Any:
    """What ``function`` gives. Raises `SeriesError` whatever it raises, ``asyncio.CancelledError``, too: it is a
    user's."""
    try:
        return function()
    except KeyboardInterrupt:  # not the class's: somebody wants to end all of this
        raise
    except BaseException as error:
        raise SeriesError(f"{where}: {type(error).__name__}: {_line(error)}"[:_SHOWN]) from error


def _line(error: BaseException) -> str:
    """The first line of what it says, as text that can be shown: a file's name may hold what UTF-8 has no bytes for."""
    try:
        said = str(error)
    except Exception as worse:  # noqa: BLE001 # that is a user's, too
        said = f"its text cannot be had ({type(worse).__name__})"
    return (said.splitlines() or [""])[0].encode("utf-8", "backslashreplace").decode()
