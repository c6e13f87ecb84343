"""What does a Prophet cost: its fit, and a forecast of 30 steps with their band?

The engine `batch`, as the detector calls it, on 1,000 and 10,000 series; beside it the prophet package's own fit and
predict of one, in the same process, in turns. CPU seconds of one core, those of Stan's processes among them; medians.
"""

from __future__ import annotations

import logging
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

import numpy as np

from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.series import WINDOWS, pierced, series, times
from sentio.detectors.prophet import Prophet, batch
from sentio.detectors.prophet.options import ProphetOptions
from sentio.types import SECOND, Floats, Ints, Panel, SeriesKey

SIZES, QUICK_SIZES = (1_000, 10_000), (40, 80)
REACH = {"1 d at 1 min": 1_500, "7 d at 5 min": 1_500, "7 d at 1 min": 4_000, "30 d at 5 min": 4_000}
"""How many times as fast as Prophet."""
_AHEAD = 30
_ROUNDS, _QUICK_ROUNDS = 5, 1
_GAPS = 0.05
# Prophet would leave the season of a day out of a history of one; nobody else who looks at servers would.
_OPTIONS = ProphetOptions(daily_seasonality=True, interval_width=0.8)


class _Here(Executor):
    """One process, one core."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        result: Future[Any] = Future()
        result.set_result(fn(*args, **kwargs))
        return result


def main() -> int:
    """The tables, and whether the reaches are kept."""
    quick = parser(__doc__).parse_args().quick
    _silence()
    sizes, rounds = (QUICK_SIZES, _QUICK_ROUNDS) if quick else (SIZES, _ROUNDS)
    rows, reaches = [], []
    for window in WINDOWS:
        theirs, ours, gaps = _measure(window, sizes, rounds)
        small, large = ours
        figures = [theirs, 1e6 * small, 1e6 * large, theirs / small, theirs / large, large / small, gaps / small]
        rows.append([window, *map(number, figures)])
        for size, cost in zip(sizes, ours, strict=True):
            name = f"{window}, {size:,} series: Prophet's cost over ours"
            reaches.append(Reach(name, theirs / cost, REACH[window], "times", above=True))
        reaches.append(
            Reach(f"{window}: a series among {sizes[1]:,} over one among {sizes[0]:,}", large / small, 1.5, "times")
        )
        reaches.append(Reach(f"{window}: with {_GAPS:.0%} gaps over none", gaps / small, 2.5, "times"))
    few, many = (f"{size:,}" for size in sizes)
    head = [
        "fit and forecast",
        "Prophet, s",
        f"ours of {few}, µs",
        f"of {many}, µs",
        f"ratio, {few}",
        f"{many}",
        "cost, many/few",
        "gaps/none",
    ]
    table("CPU time a series", head, rows)
    return verdict([] if quick else reaches)


def _measure(window: str, sizes: tuple[int, ...], rounds: int) -> tuple[float, list[float], float]:
    """CPU seconds a series: Prophet's, ours at each size, ours at the smallest with gaps."""
    at = times(window)
    ahead = at[-1] + WINDOWS[window][1] * SECOND * np.arange(1, _AHEAD + 1)
    prophet = Prophet(_OPTIONS, _Here())
    peer = series(at, 8, seed=33)
    _ours(prophet, at, peer, ahead)  # compiled, and the band's table made
    _theirs(at, peer[0], ahead)
    theirs, ours = [], []
    for size in sizes:
        values = series(at, size, seed=5)
        seen = []
        for round_ in range(rounds):
            seen.append(_cpu(partial(_ours, prophet, at, values, ahead)) / size)
            theirs.append(_cpu(partial(_theirs, at, peer[round_ % len(peer)], ahead)))
        ours.append(statistics.median(seen))
        del values
    values = pierced(series(at, sizes[0], seed=5), _GAPS, seed=1)
    gaps = statistics.median(_cpu(partial(_ours, prophet, at, values, ahead)) for _ in range(rounds))
    return statistics.median(theirs), ours, gaps / sizes[0]


def _ours(prophet: Prophet, at: Ints, values: Floats, ahead: Ints) -> None:
    batch._grid.cache_clear()  # the grid is another one at each training
    keys = tuple(SeriesKey("m", (("i", str(i)),)) for i in range(len(values)))
    forecast = prophet.forecast(prophet.fit(Panel(keys, at, values)), ahead)
    assert np.isfinite(forecast.upper - forecast.lower).all()


def _theirs(at: Ints, y: Floats, ahead: Ints) -> None:
    import pandas as pd
    from prophet import Prophet as Package

    model = Package(daily_seasonality=True, interval_width=0.8)
    model.fit(pd.DataFrame({"ds": pd.DatetimeIndex(at), "y": y}))
    model.predict(pd.DataFrame({"ds": pd.DatetimeIndex(ahead)}))


def _cpu(work: Callable[[], None]) -> float:
    """Seconds of this process and of those that it started."""
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _silence() -> None:
    for name in ("prophet", "prophet.plot", "prophet.models", "cmdstanpy"):
        logging.getLogger(name).disabled = True


if __name__ == "__main__":
    sys.exit(main())
