"""What does it cost to judge a sample, and to learn from it, of a whole panel at once and point by point elsewhere?

10,000 series × 288 samples, a day at one in five minutes, by the detectors `changefinder` and `gaussian1d`, as a
pipeline calls them. Beside the first the changefinder package and river's two detectors of drift, which are no
ChangeFinder but what river has for changes; beside the second the formulae of datastream.io's Gaussian1D on pandas
series, as it writes them, with a point a call and with a day a call, and river's GaussianScorer. The peers get a few
of the same series, and their time is scaled to a point. CPU seconds of one core, in turns; medians.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import changefinder
import numpy as np
import pandas as pd
from river import anomaly, drift
from scipy.stats import norm

from benchmarks.datasource import key
from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.series import series, times
from sentio.detectors.changefinder import ChangeFinder
from sentio.detectors.gaussian1d import Gaussian1D
from sentio.types import SCORE, Floats, Panel

SERIES, QUICK_SERIES = 10_000, 100
REACH = 100
"""How many times as fast as the changefinder package."""
_DAY = 288
_ROUNDS, _QUICK_ROUNDS = 5, 1
_FEW = 8
"""Series that a peer gets in each round."""

Judge = Callable[[Floats], object]


@dataclass(frozen=True, slots=True)
class Peer:
    """``judge`` takes the ``before [n]`` of one series and gives what judges its next samples, ``[m]``."""

    name: str
    judge: Callable[[Floats], Judge]


def main() -> int:
    """The tables, and whether the reach is kept."""
    quick = parser(__doc__).parse_args().quick
    values = series(times("7 d at 5 min")[: 2 * _DAY], QUICK_SERIES if quick else SERIES, seed=5)
    rounds = _QUICK_ROUNDS if quick else _ROUNDS
    pool = ThreadPoolExecutor(1)
    change = _compare(
        "changefinder",
        ChangeFinder(ChangeFinder.Options(k=7), pool),
        (Peer("changefinder package", _package), Peer("river ADWIN", _adwin), Peer("river PageHinkley", _page_hinkley)),
        values,
        rounds,
    )
    _compare(
        "gaussian1d",
        Gaussian1D(Gaussian1D.Options(), pool),
        (
            Peer("dsio's formulae, a point", _dsio_points),
            Peer("dsio's formulae, a day", _dsio_day),
            Peer("river GaussianScorer", _gaussian_scorer),
        ),
        values,
        rounds,
    )
    reach = Reach("a point of the changefinder package over ours", change["changefinder package"], REACH, "times", True)
    return verdict([] if quick else [reach])


def _compare(name: str, detector: Any, peers: Iterable[Peer], values: Floats, rounds: int) -> dict[str, float]:
    """Prints the table of one detector; how many times as long each peer takes for a point."""
    at = times("7 d at 5 min")[: 2 * _DAY]
    keys = tuple(map(key, range(len(values))))
    state = detector.fit(Panel(keys, at[:_DAY], values[:, :_DAY]))
    fresh = Panel(keys, at[_DAY:], np.ascontiguousarray(values[:, _DAY:]))
    detector.score(state, fresh)
    spent: dict[str, list[float]] = {}
    for turn in range(rounds):
        cost, (_, scores) = _timed(lambda: detector.score(state, fresh))
        assert np.isfinite(scores.outputs[SCORE]).all()
        spent.setdefault(name, []).append(cost / fresh.values.size)
        some = values[turn * _FEW : (turn + 1) * _FEW]
        for peer in peers:
            _, judges = _timed(partial(_begun, peer, some[:, :_DAY]))
            cost, _ = _timed(partial(_judged, judges, some[:, _DAY:]))
            spent.setdefault(peer.name, []).append(cost / some[:, _DAY:].size)
    seconds = {who: statistics.median(costs) for who, costs in spent.items()}
    ours = seconds[name]
    rows = [[who, number(1e6 * cost), number(1e-3 / cost), number(cost / ours)] for who, cost in seconds.items()]
    head = [name, "CPU µs a point", "thousand points a second", "over Sentio's"]
    table(
        f"{len(values):,} series × {_DAY} points; the peers on {_FEW} of the series a round, {rounds} rounds",
        head,
        rows,
    )
    return {who: cost / ours for who, cost in seconds.items()}


def _begun(peer: Peer, before: Floats) -> list[Judge]:
    return [peer.judge(row) for row in before]


def _judged(judges: list[Judge], fresh: Floats) -> list[object]:
    return [judge(row) for judge, row in zip(judges, fresh, strict=True)]


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    with np.errstate(all="ignore"):  # the package divides by zero on some of these series
        done = work()
    return time.process_time() - started, done


def _package(before: Floats) -> Judge:
    made = changefinder.ChangeFinder(r=0.02, order=7, smooth=10)
    for value in before.tolist():
        made.update(value)
    return lambda fresh: [made.update(value) for value in fresh.tolist()]


def _drift(made: Any, before: Floats) -> Judge:
    def judge(fresh: Floats) -> list[bool]:
        found = []
        for value in fresh.tolist():
            made.update(value)
            found.append(made.drift_detected)
        return found

    judge(before)
    return judge


def _adwin(before: Floats) -> Judge:
    return _drift(drift.ADWIN(), before)


def _page_hinkley(before: Floats) -> Judge:
    return _drift(drift.PageHinkley(), before)


def _gaussian_scorer(before: Floats) -> Judge:
    made = anomaly.GaussianScorer()

    def judge(fresh: Floats) -> list[float]:
        found = []
        for value in fresh.tolist():
            found.append(made.score_one(None, value))
            made.learn_one(None, value)
        return found

    judge(before)
    return judge


class _Dsio:
    """The formulae of datastream.io's Gaussian1D, on pandas series."""

    def __init__(self, first: pd.Series) -> None:
        self.mean, self.std, self.size = first.mean(), first.std(), float(len(first))

    def judge(self, batch: pd.Series) -> pd.Series:
        """Scores it, flags it, learns from it."""
        score = pd.Series(norm.cdf((batch - self.mean).abs() / self.std), index=batch.index)
        flag = (score > 0.99) | (score < 0.01)
        self.size += len(batch)
        share = len(batch) / self.size
        self.mean = (1 - share) * self.mean + share * batch.mean()
        # Of a single point it would be none, and everything after it infinitely far away.
        self.std = batch.std(ddof=0) if len(batch) > 1 else self.std
        return flag


def _dsio_points(before: Floats) -> Judge:
    made = _Dsio(pd.Series(before))
    return lambda fresh: [made.judge(pd.Series([value])) for value in fresh.tolist()]


def _dsio_day(before: Floats) -> Judge:
    made = _Dsio(pd.Series(before))
    return lambda fresh: made.judge(pd.Series(fresh))


if __name__ == "__main__":
    sys.exit(main())
