"""Is the engine `batch` Prophet? The same posterior, at least as high, and values as near as Prophet's are to its own.

Over four windows, with and without gaps: the log posterior of our parameters and of Prophet's, computed from the
samples; what Prophet's optimiser, started at ours, still gains; the expected values in the sample; the band's width
against the mean of 20 seeded runs.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import Future

import numpy as np

from benchmarks.figures import Reach, parser, table, verdict
from benchmarks.posterior import log_posterior
from benchmarks.series import WINDOWS, pierced, series, times
from sentio.detectors.prophet import batch, stan
from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import expected
from sentio.detectors.prophet.options import ProphetOptions
from sentio.executor import WorkerPool
from sentio.state import State
from sentio.types import Array, Floats, Ints, SeriesKey

_SERIES, _QUICK_SERIES = 50, 4
"""Of each window: 200 in all, and once more with gaps."""
_RESTARTED, _BANDS = 8, 4
"""Of each window, too."""
_GAPS = 0.05
_ASIDE = 1e-4
"""Relative: how far from our parameters Prophet is restarted."""
_RUNS, _AHEAD = 20, 30
_OPTIONS = ProphetOptions(daily_seasonality=True, interval_width=0.8)
_FLAT = _OPTIONS.model_copy(update={"growth": "flat"})

Arrays = dict[str, Array]


def main() -> int:
    """The tables, and whether the reaches are kept."""
    quick = parser(__doc__).parse_args().quick
    count = _QUICK_SERIES if quick else _SERIES
    gains: list[float] = []
    apart: list[float] = []
    flat: list[float] = []
    rows, restarts, ratios = [], [], []
    with WorkerPool(2, ("sentio.detectors.prophet.preload_stan",)) as pool:
        for window in WINDOWS:
            at = times(window)
            whole = series(at, count, seed=101)
            for name, values in (("", whole), (", 5 % gaps", pierced(whole, _GAPS, seed=7))):
                gain, distance = _against(pool, _OPTIONS, at, values)
                gains += gain
                apart += distance
                rows.append([window + name, *_spread(gain), *_spread(distance)])
            gain, distance = _against(pool, _FLAT, at, whole[:: max(1, count // 10)])
            gains += gain
            flat += distance
            rows.append([f"{window}, flat", *_spread(gain), *_spread(distance)])
            restarts += _restarted(pool, at, whole[:: max(1, count // _RESTARTED)])
            ratios += _bands(pool, at, whole[:: max(1, count // _BANDS)])
    head = ["relative to Prophet's", "log posterior, least", "median", "most", "yhat, least", "median", "most"]
    table("Gain in log posterior; largest difference of yhat in the sample, over the series' range", head, rows)
    taken = [gain for gain in restarts if gain is not None]
    print(f"{len(restarts)} restarts of Prophet beside our parameters; {len(taken)} took a step, and came to", end=" ")
    print(*(f"{f(taken):.1e}" for f in (min, statistics.median, max) if taken), "relative to ours: least, median, most")
    ratio = np.abs(np.array(ratios) - 1)
    off = f"median {np.median(ratio):.2%}, most {ratio.max():.2%}"
    print(f"half width of the band, how far from the mean of {_RUNS} runs: {off}\n")
    reaches = [
        Reach("least gain in log posterior, relative", min(gains), -1e-6, "", above=True),
        Reach("largest gain of a restarted Prophet, relative", max(taken, default=0.0), 1e-6, ""),
        Reach("yhat, median of the largest difference", 100 * statistics.median(apart), 0.5, "% of the range"),
        Reach("yhat, 90th percentile", 100 * float(np.quantile(apart, 0.9)), 4, "% of the range"),
        Reach("yhat with flat growth, most", max(flat), 1e-4, "of the range"),
        Reach("half width of the band, median", 100 * float(np.median(ratio)), 1, "% off the mean of runs"),
    ]
    return verdict([] if quick else reaches)


def _against(pool: WorkerPool, options: ProphetOptions, at: Ints, values: Floats) -> tuple[list[float], list[float]]:
    """For each series the relative gain in log posterior over Prophet, and how far yhat is from its."""
    ours, theirs = batch.fit_rows(options, at, values), _prophets(pool, options, at, values)
    mine, other = (log_posterior(options, at, values, arrays) for arrays in (ours, theirs))
    distance = np.nanmax(np.abs(_yhat(options, ours, at) - _yhat(options, theirs, at)), axis=1)
    span = np.nanmax(values, axis=1) - np.nanmin(values, axis=1)
    return ((mine - other) / np.abs(other)).tolist(), (distance / span).tolist()


def _prophets(pool: WorkerPool, options: ProphetOptions, at: Ints, values: Floats) -> Arrays:
    tasks = [pool.submit(stan.fit_rows, options, at, values[i : i + 1]) for i in range(len(values))]
    parts = [task.result() for task in tasks]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _yhat(options: ProphetOptions, arrays: Arrays, at: Ints) -> Floats:
    return expected(_state(arrays), Design(options), at).yhat


def _state(arrays: Arrays) -> State:
    return State(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(arrays["status"]))), arrays)


def _restarted(pool: WorkerPool, at: Ints, values: Floats) -> list[float | None]:
    """What Prophet's optimiser, started beside our parameters, has over them, relative; None where it took no step."""
    ours = batch.fit_rows(_OPTIONS, at, values)
    rows = [{name: array[i : i + 1] for name, array in ours.items()} for i in range(len(values))]
    tasks: list[Future[Arrays | None]] = [
        pool.submit(restart, _OPTIONS, at, y, row) for y, row in zip(values, rows, strict=True)
    ]
    gains: list[float | None] = []
    for y, row, task in zip(values, rows, tasks, strict=True):
        again = task.result()
        if again is None:
            gains.append(None)
            continue
        before, after = (log_posterior(_OPTIONS, at, y[None], a)[0] for a in (row, again))
        gains.append((after - before) / abs(before))
    return gains


def restart(options: ProphetOptions, at: Ints, y: Floats, row: Arrays) -> Arrays | None:
    """In a worker: the row that Prophet comes to from near ``row``; None where it can take no step."""
    import pandas as pd

    design, model = Design(options), stan._prophet(options)
    model.stan_backend.set_options(newton_fallback=False)
    used = np.flatnonzero(row["beta"][0])
    rng = np.random.default_rng(options.seed)
    place = {"k": row["k"][0], "m": row["m"][0], "delta": row["delta"][0], "beta": row["beta"][0][used]}
    # From the very maximum its line search finds no step at all, and so says nothing of how high it is.
    start = {name: value * (1 + _ASIDE * rng.standard_normal(np.shape(value))) for name, value in place.items()}
    start["sigma_obs"] = row["sigma"][0]
    frame = pd.DataFrame({"ds": pd.DatetimeIndex(design.wall_clock(at)), "y": y})
    try:
        model.fit(frame, init=start, seed=options.seed)
    except RuntimeError:
        return None
    again = {name: array.copy() for name, array in row.items()}
    p = {name: np.ravel(value) for name, value in model.params.items()}
    again["k"][0], again["m"][0], again["sigma"][0] = p["k"][0], p["m"][0], p["sigma_obs"][0]
    again["delta"][0], again["beta"][0, used] = p["delta"], p["beta"]
    return again


def _bands(pool: WorkerPool, at: Ints, values: Floats) -> list[float]:
    """For each series and each step ahead: our half width over the mean of Prophet's runs, both at its parameters."""
    ahead = at[-1] + (at[1] - at[0]) * np.arange(1, _AHEAD + 1)
    tasks = [pool.submit(bands, _OPTIONS, at, y, ahead) for y in values]
    return [ratio for task in tasks for ratio in task.result().tolist()]


def bands(options: ProphetOptions, at: Ints, y: Floats, ahead: Ints) -> Floats:
    """In a worker, of one series: the ratio ``[h]``."""
    import pandas as pd

    design, model = Design(options), stan._prophet(options)
    model.fit(pd.DataFrame({"ds": pd.DatetimeIndex(design.wall_clock(at)), "y": y}), seed=options.seed)
    model.uncertainty_samples, model.interval_width = 1000, options.interval_width
    future = pd.DataFrame({"ds": pd.DatetimeIndex(design.wall_clock(ahead))})
    drawn = []
    for seed in range(_RUNS):
        np.random.seed(seed)
        run = model.predict(future)
        drawn.append((run["yhat_upper"] - run["yhat_lower"]).to_numpy() / 2)
    arrays = stan.fit_rows(options, at, y[None])  # seeded alike, so the same parameters
    half: Floats = expected(_state(arrays), design, ahead).half[0]
    return half / np.mean(drawn, axis=0)


def _spread(values: list[float]) -> Iterator[str]:
    for value in (min(values), statistics.median(values), max(values)):
        yield f"{value:.1e}"


if __name__ == "__main__":
    sys.exit(main())
