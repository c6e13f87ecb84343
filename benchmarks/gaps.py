"""Is a series flagged because samples of it were missing?

Series in which nothing is the matter, some of which remember: each day a few samples in a row are missing. Counted are
those of the first three after each gap that are flagged, and that lie in the band. In as many others the level rises
while nothing arrives, by four of their standard deviations: of these is counted in how many that is flagged within
three samples.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from benchmarks.clean import A_DAY, BEGIN, LEARNED, STEP
from benchmarks.figures import number, parser, table
from benchmarks.injected import QUICK_SEEDS, SEEDS
from benchmarks.judging import Progress, asking
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.replay import Replayed, replay
from sentio.evaluation.settings import configured
from sentio.types import ANOMALY, LOWER, UPPER, Floats, Panel, SeriesKey

GAPS = (1, 4, 12, 72)
_DAYS, _AFTER = 19, 3
_RISES_AT = 17
_SPREAD = 10.0
_WORKERS = 2


def _remembers(*weights: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    """Of the last samples, the newest first."""

    def made(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
        values = rng.normal(size=shape)
        for t in range(len(weights), shape[1]):
            values[:, t] += sum(w * values[:, t - 1 - lag] for lag, w in enumerate(weights))
        return values / values.std(axis=1, keepdims=True)

    return made


def _oscillates(samples: float, kept: float) -> Callable[[np.random.Generator, tuple[int, int]], Floats]:
    """With that period, of which ``kept`` is left from one sample to the next."""
    return _remembers(2 * kept * np.cos(2 * np.pi / samples), -(kept**2))


def _daily(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    phase = 2 * np.pi * (np.arange(shape[1]) / A_DAY + rng.random((shape[0], 1)))
    return 3 * np.sin(phase) + _remembers(0.98)(rng, shape)


KINDS: MappingProxyType[str, Callable[[np.random.Generator, tuple[int, int]], Floats]] = MappingProxyType(
    {
        "AR(1), 0.95": _remembers(0.95),
        "AR(1), 0.99": _remembers(0.99),
        "to and fro in 4 samples": _oscillates(4, 0.98),
        "to and fro in 24 samples": _oscillates(24, 0.99),
        "shape of a day, and AR(1), 0.98": _daily,
    }
)


def main() -> int:
    """The tables."""
    series = QUICK_SEEDS if parser(__doc__).parse_args().quick else SEEDS
    progress = Progress("gaps")
    calls = [(kind, gap, series) for kind in KINDS for gap in GAPS]
    found = list(in_processes(after_gaps, calls, _WORKERS, lambda done: progress("cases", done, len(calls))))
    at = dict(zip([(kind, gap) for kind, gap, _ in calls], found, strict=True))
    head = ["missing samples", *map(str, GAPS)]
    for i, title in enumerate(("Flagged of the three after a gap, %", "In the band, %", "Rises that are found, %")):
        table(title, head, _rows(at, i))
    return 0


def _rows(found: Mapping[tuple[str, int], Sequence[float]], i: int) -> list[list[str]]:
    return [[kind, *(number(100 * found[kind, gap][i]) for gap in GAPS)] for kind in KINDS]


def after_gaps(kind: str, gap: int, series: int) -> tuple[float, float, float]:
    """Shares: of samples after gaps of that many steps that are flagged, and that lie in the band; of rises in them
    that are found."""
    rng = np.random.default_rng([list(KINDS).index(kind), gap])
    values = 100 + _SPREAD * KINDS[kind](rng, (series, _DAYS * A_DAY))
    first = np.add.outer(np.arange(LEARNED, _RISES_AT + 1) * A_DAY, rng.integers(gap, A_DAY - _AFTER, series))
    for lag in range(1, gap + 1):
        values[np.arange(series), first - lag] = np.nan
    rise = first[-1]
    values += 4 * _SPREAD * (np.arange(values.shape[1]) >= rise[:, None])
    found = _replayed(values)
    after = first[:-1, :, None] + np.arange(_AFTER)
    rows = np.arange(series)[:, None]
    flagged, lower, upper = (found.outputs[name] for name in (ANOMALY, LOWER, UPPER))
    inside = (lower <= values) & (values <= upper)
    rises = (flagged[rows, rise[:, None] + np.arange(_AFTER)] == 1).any(axis=1)
    return float((flagged[rows, after] == 1).mean()), float(inside[rows, after].mean()), float(rises.mean())


def _replayed(values: Floats) -> Replayed:
    keys = tuple(SeriesKey("gaps", (("i", str(i)),)) for i in range(len(values)))
    panel = Panel(keys, BEGIN + STEP * np.arange(values.shape[1], dtype=np.int64), values)
    config, alias = configured(asking(None), {}, STEP)
    return replay(config, alias, panel, start=LEARNED * A_DAY)


if __name__ == "__main__":
    sys.exit(main())
