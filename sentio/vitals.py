"""How one pipeline does, in Sentio's own metrics: what it reads, fits and publishes, and how old that is."""

from __future__ import annotations

import logging

import numpy as np

from sentio.fitted import usable
from sentio.reports import Report
from sentio.state import SeriesStatus, State
from sentio.telemetry import Telemetry
from sentio.types import SECOND, Ints, Keys, Panel, positions

log = logging.getLogger(__name__)


class Vitals:
    """Of the pipeline ``alias``."""

    def __init__(self, telemetry: Telemetry, alias: str) -> None:
        self._telemetry, self._alias = telemetry, alias
        self._sample: int | None = None
        self._model: int | None = None
        telemetry.begin(alias)

    def ages(self, now: int) -> tuple[float | None, float | None]:
        """Seconds: of the newest sample, and of the oldest model of a series that arrives."""
        sample, model = self._sample, self._model
        return (
            None if sample is None else (now - sample) / SECOND,
            None if model is None else (now - model) / SECOND,
        )

    def read(self, fresh: Panel) -> None:
        """This was read to be judged."""
        self._telemetry.samples.labels(self._alias).inc(int(np.isfinite(fresh.values).sum()))

    def vanished(self, series: int, told: int) -> None:
        """So many stopped arriving; ``told`` are so many that did since that was logged last."""
        if series:
            self._telemetry.vanished.labels(self._alias).inc(series)
        if told:
            log.info("pipeline %s: %d series stopped arriving", self._alias, told)

    def progress(self, share: float) -> None:
        """So much of what is due is fitted."""
        self._telemetry.fit_progress.labels(self._alias).set(share)

    def fitted(self, fitted: State) -> None:
        """These fits are in use."""
        counts = np.bincount(fitted["status"], minlength=len(SeriesStatus))
        for status in SeriesStatus:
            if counts[status]:
                self._telemetry.fits.labels(self._alias, status.word).inc(int(counts[status]))
        failed = np.flatnonzero(fitted["status"] == SeriesStatus.FAILED)
        if len(failed):
            self._telemetry.series_failures.labels(self._alias, "fit").inc(len(failed))
            first = failed[0]
            log.warning(
                "pipeline %s: %d of %d series could not be fitted; the first, %s: %s",
                self._alias, len(failed), len(fitted.keys), fitted.keys[first], fitted["detail"][first],
            )  # fmt: skip

    def published(self, report: Report, model: State, live: Keys, seen: Ints) -> None:
        """``report`` is out, made with ``model``; ``live`` series arrive, ``seen`` last (ns) where that is known.
        The ages are worked out here, so that a scrape has nothing to look up."""
        counts = np.bincount(report.status, minlength=len(SeriesStatus))
        for status in SeriesStatus:
            self._telemetry.series.labels(self._alias, status.word).set(int(counts[status]))
        at = positions(live, model.keys)
        at = at[at >= 0]
        of_use = usable(model)[at] if len(at) else np.empty(0, bool)
        if len(seen):
            self._sample = int(seen.max())
        self._model = int(model["fitted_at"][at][of_use].min()) if of_use.any() else None
