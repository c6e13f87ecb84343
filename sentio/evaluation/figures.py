"""The figures of a backtest: of each set, and of all sets together."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from sentio.evaluation.evaluate import Judged
from sentio.evaluation.measures import RATES, AtThreshold, Curve, covered
from sentio.evaluation.nab import nab_scores

log = logging.getLogger(__name__)

POOLED = "pooled"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one set. Shares are 0 to 1; NaN where there is nothing to tell it from.

    ``recall``: by false alarms a series and day (`RATES`), with one threshold on the score for the whole set.
    ``flagged``: what `anomaly == 1` gives; ``at``: what the threshold that was asked for gives. ``coverage``: how much
    of what is no incident lies in the band; ``detector_coverage``: in the detector's own.
    """

    name: str
    series: int
    samples: int
    scored: int
    days: float
    incidents: int
    recall: dict[float, float]
    flagged: AtThreshold
    at: AtThreshold | None
    coverage: float
    detector_coverage: float
    nab: dict[str, float]


def figures_of(judged: Sequence[Judged], at: float | None = None) -> list[Figures]:
    """For each set in ``judged`` by name, and for all of them where there are several."""
    names = sorted({one.group for one in judged})
    found = [_figures(name, [one for one in judged if one.group == name], at) for name in names]
    return found if len(names) < 2 else [*found, _figures(POOLED, list(judged), at)]


def _figures(name: str, judged: list[Judged], at: float | None) -> Figures:
    tracks = [one.track(one.score) for one in judged]
    curve = Curve(tracks)
    unlabelled = sum(not one.known for one in judged)
    if 0 < unlabelled < len(judged):
        log.warning(
            "%s: %d of %d series have no labels; whatever is raised there counts as a false alarm",
            name, unlabelled, len(judged),
        )  # fmt: skip
    coverage, detector_coverage = _coverage(judged)
    return Figures(
        name=name,
        series=len(judged),
        samples=sum(len(one.times) for one in judged),
        scored=sum(int(np.isfinite(one.score).sum()) for one in judged),
        days=curve.days,
        incidents=curve.incidents,
        recall={rate: curve.recall(rate) for rate in RATES},
        flagged=Curve([one.track(one.anomaly) for one in judged]).at(1.0),
        at=None if at is None else curve.at(at),
        coverage=coverage,
        detector_coverage=detector_coverage,
        nab=nab_scores(tracks),
    )


def _coverage(judged: Sequence[Judged]) -> tuple[float, float]:
    """Of the band, and of the detector's own."""
    counts = np.zeros((2, 2), np.int64)
    for one in judged:
        clean, bands = one.clean, ((one.lower, one.upper), (one.detector_lower, one.detector_upper))
        counts += [covered(one.values, lower, upper, clean) for lower, upper in bands]
    published, own = (inside / total if total else float("nan") for inside, total in counts.tolist())
    return published, own


def plain(figures: Figures) -> dict[str, object]:
    """As JSON knows it: None for NaN."""
    found = _without_nan(asdict(figures))
    assert isinstance(found, dict)  # noqa: S101 # it was one
    return found


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
