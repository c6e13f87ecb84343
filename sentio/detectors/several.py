"""Several detectors on the series of one pipeline: side by side, or one on what another says.

The arrays of its state are those of the detectors, each with the name of its detector before it, and the five that
every state has.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from sentio import catalog
from sentio.config.adapter import DetectorBlock
from sentio.config.misfit import Loc, misfit, misfits, one_of, show
from sentio.config.options import Options as Base
from sentio.config.options import parse_label
from sentio.contracts import Detector, Forecaster
from sentio.online import agreeing
from sentio.state import SeriesStatus, State
from sentio.types import (
    ANOMALY,
    LOWER,
    SCORE,
    UPPER,
    YHAT,
    Array,
    Floats,
    Forecast,
    Ints,
    Keys,
    Panel,
    Scores,
    positions,
)

_GENERAL = ("status", "first_at", "fitted_at", "samples", "detail")
_WIDTH = 0.99
_COMBINED = {"max": np.fmax, "min": np.fmin}

Name = Annotated[str, AfterValidator(parse_label)]


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    detector: Detector
    judges: tuple[str, str] | None
    """The detector and its output that are judged in place of the samples."""

    @property
    def goes_on(self) -> bool:
        return bool(getattr(self.detector, "learns_as_it_goes", False))

    @property
    def from_every_step(self) -> bool:
        return self.goes_on or bool(getattr(self.detector, "learns_from_every_step", False))

    @property
    def from_anomalies(self) -> bool:
        return bool(getattr(self.detector, "learns_from_anomalies", False))


class Several:
    """A `sentio.contracts.Detector`, and a `sentio.contracts.Forecaster` where the first one is, and decides alone."""

    class Options(Base):
        """Which ones, and what of them is the series' score."""

        of: Annotated[dict[Name, DetectorBlock], Field(min_length=1)]
        """By the names that they are published under, the first of them first."""
        inputs: dict[Name, str] = Field(default_factory=dict)
        """Of those that judge an output of one before them in place of the samples: ``detector.output``."""
        combine: Literal["first", "max", "mean", "min"] = "first"
        """The score of a series: that of the first one, or of all that say something."""

        @model_validator(mode="after")
        def _one_before_another(self) -> Several.Options:
            names = list(self.of)
            found: list[tuple[Loc, Exception]] = []
            for name, output in self.inputs.items():
                if name not in names:
                    found.append(
                        (("inputs", name), misfit(f"is for {show(name)}, which is not in of", one_of(names, name)))
                    )
                    continue
                before = names[: names.index(name)]
                detector, dot, what = output.partition(".")
                if detector not in before or not dot or not what:
                    right = "no output, for there is none before the first, is expected"
                    if before:
                        right = f"an output of one before it, such as {before[0]}.{SCORE}, is expected"
                    found.append((("inputs", name), misfit(f"is {show(output)}", right)))
            if found:
                raise misfits(*found)  # type: ignore[arg-type] # they are misfits
            return self

        @property
        def interval_width(self) -> object:
            """Of the band, where there is one: the first detector's."""
            return getattr(next(iter(self.of.values())).options, "interval_width", _WIDTH)

        @property
        def timezone(self) -> object:
            """Of the first detector, which alone forecasts; None where it has none."""
            return getattr(next(iter(self.of.values())).options, "timezone", None)

    @staticmethod
    def preload(options: Options) -> tuple[str, ...]:
        """What the workers should have imported."""
        return _said_by_all(options, "preload")

    @staticmethod
    def packages(options: Options) -> tuple[str, ...]:
        """Whose versions make the results."""
        return _said_by_all(options, "packages")

    def __init__(self, options: Options, executor: Executor) -> None:
        self._combine = options.combine
        self._parts = [
            _Part(
                name,
                catalog.resolve("detectors", block.type)(block.options, executor),
                _two(options.inputs[name]) if name in options.inputs else None,
            )
            for name, block in options.of.items()
        ]
        self.learns_as_it_goes = all(part.goes_on for part in self._parts)
        self.begins_at_once = all(getattr(part.detector, "begins_at_once", False) for part in self._parts)
        self.learns_from_every_step = all(part.from_every_step for part in self._parts)
        self.learns_from_anomalies = all(part.from_anomalies for part in self._parts)
        first = self._parts[0].detector
        if isinstance(first, Forecaster) and options.combine == "first":
            self.forecast = self._forecast

    def fit(self, history: Panel) -> State:
        """`Detector.fit`."""
        states: dict[str, State] = {}
        said: dict[str, Scores] = {}
        heard = {part.judges[0] for part in self._parts if part.judges}
        for part in self._parts:
            given = _input(part, history, said)
            if part.name in heard:
                states[part.name], said[part.name] = _fit_and_say(part, given)
            else:
                states[part.name] = part.detector.fit(given)
        return self._joined(history.keys, states)

    def score(self, state: State, fresh: Panel) -> tuple[State, Scores]:
        """`Detector.score`."""
        states: dict[str, State] = {}
        said: dict[str, Scores] = {}
        for part in self._parts:
            states[part.name], said[part.name] = part.detector.score(_of(state, part), _input(part, fresh, said))
        outputs = {f"{name}.{o}": values for name, scores in said.items() for o, values in scores.outputs.items()}
        outputs |= self._verdict(said)
        return self._joined(state.keys, states), Scores(fresh.keys, fresh.times, fresh.values, outputs)

    def refitted(self, before: State, fitted: State) -> State:
        """``fitted``, in which those that learn as they go keep what they knew ``before``, unless they had failed, and
        the others what they keep themselves."""
        states = {part.name: _continued(part, _of(before, part), _of(fitted, part)) for part in self._parts}
        return self._joined(fitted.keys, states)

    def _forecast(self, state: State, times: Ints) -> Forecast:
        first = self._parts[0]
        assert isinstance(first.detector, Forecaster)  # noqa: S101 # else nobody asks
        return first.detector.forecast(_of(state, first), times)

    def _verdict(self, said: dict[str, Scores]) -> dict[str, Floats]:
        first = said[self._parts[0].name].outputs
        if self._combine == "first":
            return {name: first[name] for name in (YHAT, LOWER, UPPER, SCORE, ANOMALY) if name in first}
        together = _together(self._combine, [scores.outputs[SCORE] for scores in said.values()])
        score, flag = agreeing(together, together > 1)
        return {SCORE: score, ANOMALY: flag}

    def _joined(self, keys: Keys, states: dict[str, State]) -> State:
        """One state of all of them, for ``keys``. A series is as ready as it is for the first detector, and as old as
        the oldest model that is fitted again. Where none of them is, one that has failed has the series begin anew."""
        if not keys:
            return State((), {})
        fitted = [states[p.name] for p in self._parts if not p.goes_on] or [states[self._parts[0].name]]
        first = states[self._parts[0].name]
        general = {name: first[name] for name in _GENERAL}
        general["fitted_at"] = reduce(np.minimum, [state["fitted_at"] for state in fitted])
        if self.learns_as_it_goes:
            failed = reduce(np.logical_or, [state["status"] == SeriesStatus.FAILED for state in states.values()])
            general["status"] = np.where(failed, np.int8(SeriesStatus.FAILED), general["status"])
        details = [state["detail"] for state in states.values()]
        general["detail"] = reduce(lambda a, b: np.where(a == "", b, a), details)
        own: dict[str, Array] = {f"{name}.{a}": array for name, s in states.items() for a, array in s.arrays.items()}
        return State(keys, general | own)


def _said_by_all(options: Several.Options, what: str) -> tuple[str, ...]:
    said: dict[str, None] = {}
    for block in options.of.values():
        say = getattr(catalog.resolve("detectors", block.type), what, lambda _: ())
        said |= dict.fromkeys(say(block.options))
    return tuple(said)


def _together(combine: str, scores: list[Floats]) -> Floats:
    """Of those that say something; NaN where none does."""
    if combine != "mean":
        return reduce(_COMBINED[combine], scores)
    number = np.isfinite(scores).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(scores, axis=0) / number)


def _two(output: str) -> tuple[str, str]:
    detector, _, name = output.partition(".")
    return detector, name


def _of(state: State, part: _Part) -> State:
    """What the detector ``part`` knows."""
    mark = f"{part.name}."
    return State(state.keys, {n.removeprefix(mark): a for n, a in state.arrays.items() if n.startswith(mark)})


def _input(part: _Part, panel: Panel, said: dict[str, Scores]) -> Panel:
    if part.judges is None:
        return panel
    detector, name = part.judges
    values = said[detector].outputs.get(name)
    # An output that is not there says nothing, as a sample that is not there.
    return Panel(panel.keys, panel.times, np.full(panel.values.shape, np.nan) if values is None else values)


def _continued(part: _Part, before: State, fitted: State) -> State:
    refitted: Callable[[State, State], State] | None = getattr(part.detector, "refitted", None)
    if refitted is not None:
        return refitted(before, fitted)
    at = positions(before.keys, fitted.keys)
    known = np.flatnonzero((at >= 0) & (before["status"] != SeriesStatus.FAILED))
    return fitted.merge(before.select(known)) if part.goes_on and len(known) else fitted


def _fit_and_say(part: _Part, history: Panel) -> tuple[State, Scores]:
    """Fitted to ``history``, and what it says of that."""
    if not part.goes_on:
        return part.detector.score(part.detector.fit(history), history)
    # What has been learned from is not said again: so from the beginning.
    none = Panel(history.keys, np.empty(0, np.int64), np.empty((len(history.keys), 0)))
    return part.detector.score(part.detector.fit(none), history)
