"""What one pipeline learns from: the histories of its series, but for what was anomalous; and when each of them is to
be fitted, and how. What comes of it is not put to use here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import compress

import numpy as np

from sentio.contracts import Detector
from sentio.due import Due
from sentio.flagged import Flagged
from sentio.histories import Histories
from sentio.pipeline import Line, learn, train
from sentio.state import State
from sentio.timing import Timing
from sentio.types import ANOMALY, YHAT, Keys, Panel, Scores, positions, union


class Learning:
    """Of one pipeline, which is made of ``line``: score ticks `remember`, and train ticks do the rest."""

    def __init__(self, line: Line, timing: Timing) -> None:
        self._timing = timing
        # What is anomalous is not learned from, and yet the series is there.
        keep = timing.model_ttl + (line.judge.policy.accept_after if line.judge.policy.enabled else 0)
        self.histories = Histories(step=timing.step, length=timing.window, max_points=timing.max_points, keep=keep)
        self.flagged = Flagged(timing.step, timing.window)
        self._due = Due(
            every=timing.train_every, cadence=timing.train_cadence,
            once=getattr(line.detector, "learns_as_it_goes", False),
        )  # fmt: skip

    def remember(self, line: Line, fresh: Panel, scores: Scores, when: Panel | None) -> None:
        """Keep what was read for the next training, but for what is anomalous or excluded: it is not to become what is
        expected. Some detectors learn from anomalies, too. Where a band alone flags, one sample in a hundred of what is
        usual lies outside: without these, each training would make the band narrower."""
        at = positions(fresh.keys, scores.keys)
        odd = np.zeros(fresh.values.shape, bool)
        from_anomalies = getattr(line.detector, "learns_from_anomalies", False)
        if not from_anomalies and (line.judge.policy.enabled or YHAT not in scores.outputs):
            odd[at >= 0] = scores.outputs[ANOMALY][at[at >= 0]] == 1
            self.flagged.add(fresh.keys, fresh.times, odd)
        out = line.exclusion.mask(fresh.keys, fresh.times, when)
        self.histories.add(fresh, odd if out is None else odd | out)

    def read(self, line: Line, now: int, going: Callable[[], bool], *, young: bool) -> None:
        """What the history of the whole window lacks, while ``going``. ``young``: the last steps, too, each of them; a
        judge learns from these what stands still, or is missing. Raises `SourceError`."""
        for history in self.histories if young else (self.histories.whole,):
            learn(line, history, now, going, self.flagged)
        self.histories.young.settle(now)

    def keep_flagged(self, modelled: Keys) -> None:
        """Of series with a history, and of those with a model: after a start theirs may not have been read yet."""
        self.flagged.keep(union(self.histories.keys, modelled))

    def due(self, live: Keys, model: State, now: int) -> Keys:
        """The series to fit now, of those that arrive: ``live``, and what the history has; ``model``: what is
        fitted."""
        timing, whole = self._timing, self.histories.whole
        keys = union(whole.alive(now - timing.ttl - timing.delay - whole.step), live)
        return self._due.among(keys, model, now)

    def tried(self, keys: Keys, now: int) -> None:
        """Fits of ``keys`` have been tried."""
        self._due.tried(keys, now, self.histories.whole.keys)

    def fits(self, line: Line, due: Keys, now: int) -> Iterator[State]:
        """Of the series ``due``, some at a time. Raises what the detector does where nothing can be fitted now."""
        for history, keys in self.histories.by_age(due):
            yield from train(line, history, keys, now)


def begin(detector: Detector, model: State, keys: Keys) -> State:
    """``model`` with a beginning for those of ``keys`` that it does not have."""
    new = tuple(compress(keys, (positions(keys, model.keys) < 0).tolist())) if model.keys else keys
    if not new:
        return model
    return model.merge(detector.fit(Panel(new, np.empty(0, np.int64), np.empty((len(new), 0)))))


def begun(detector: Detector, model: State, live: Keys) -> State:
    """``model``, where a series that has come since the first training, and has no history therefore, begins at once if
    that is all the same to the ``detector``."""
    return begin(detector, model, live) if getattr(detector, "begins_at_once", False) else model


def refitted(detector: Detector, model: State, fitted: State) -> State:
    """``model`` with what was ``fitted``, and what goes on being learned beside that."""
    beside: Callable[[State, State], State] | None = getattr(detector, "refitted", None)
    return model.merge(beside(model, fitted) if beside and model.keys else fitted)
