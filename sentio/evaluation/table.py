"""The figures of a backtest as a table of plain text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from sentio.evaluation.figures import Figures
from sentio.evaluation.measures import RATES, AtThreshold
from sentio.evaluation.nab import PROFILES

_NONE = "n/a"


def report(figures: Sequence[Figures]) -> str:
    """All of it, with a line above each table that says what it is."""
    parts = []
    if any(one.incidents for one in figures):
        parts.append(("recall at so many false alarms a series and day, one threshold on anomaly_score for each set",
                      _recall(figures)))  # fmt: skip
    parts.append(("what is flagged (anomaly = 1)", _flagged(figures, [one.flagged for one in figures])))
    asked = [(one, one.at) for one in figures if one.at is not None]
    if asked:
        threshold = f"what anomaly_score >= {asked[0][1].threshold:g} gives"
        parts.append((threshold, _flagged([one for one, _ in asked], [at for _, at in asked])))
    parts.append(("samples outside incidents that lie in the band", _coverage(figures)))
    if any(not math.isnan(score) for one in figures for score in one.nab.values()):
        parts.append(("score of the Numenta Anomaly Benchmark, by profile", _nab(figures)))
    return "\n\n".join(f"{title}\n{aligned(rows)}" for title, rows in parts)


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Lines whose columns are as wide as their widest text: the first to the left, the others to the right."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def _recall(figures: Iterable[Figures]) -> Iterator[list[str]]:
    yield ["set", "series", "days", "incidents", *(f"at {rate:g}" for rate in RATES)]
    for one in figures:
        known = [str(one.series), f"{one.days:,.0f}", str(one.incidents)]
        yield [one.name, *known, *(_share(one.recall[rate]) for rate in RATES)]


def _flagged(figures: Iterable[Figures], rows: Iterable[AtThreshold]) -> Iterator[list[str]]:
    yield ["set", "recall", "false/day", "precision", "delay, min", "series over 2x the rate", "by chance"]
    for one, at in zip(figures, rows, strict=True):
        rates = _share(at.recall), _share(at.false), _share(at.precision)
        yield [one.name, *rates, _number(at.delay, 0), _share(at.noisy), _share(at.by_chance)]


def _coverage(figures: Iterable[Figures]) -> Iterator[list[str]]:
    yield ["set", "samples", "scored", "in the band", "in the detector's own"]
    for one in figures:
        counts = [f"{one.samples:,}", f"{one.scored:,}"]
        yield [one.name, *counts, _number(one.coverage, 4), _number(one.detector_coverage, 4)]


def _nab(figures: Iterable[Figures]) -> Iterator[list[str]]:
    yield ["set", *PROFILES]
    for one in figures:
        yield [one.name, *(_number(one.nab[name], 1) for name in PROFILES)]


def _share(value: float) -> str:
    return _number(value, 3)


def _number(value: float, digits: int) -> str:
    return _NONE if math.isnan(value) else f"{value:.{digits}f}"
