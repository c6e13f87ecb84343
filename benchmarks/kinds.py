"""How many false alarms does a young series have, and an older one, of what kind?

Metrics as services have them, in none of which anything is the matter. The pipeline has every default and a day of
history at its start; beside it the same without a judge: Prophet's band as it comes.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from benchmarks.clean import A_DAY, BEGIN, STEP
from benchmarks.figures import parser, table
from benchmarks.judging import Progress, asking
from benchmarks.services import SERVICES
from sentio.config.model import HOUR
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.measures import Curve, Track
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import configured
from sentio.types import ANOMALY, SECOND, Bools, Panel, SeriesKey

SERIES, QUICK_SERIES = 12, 1
DAYS = 21
SPANS = ((1, 2), (2, 3), (3, 7), (7, 14), (14, 21))
"""Days from whose beginnings to whose beginnings flags are counted; the first is all history."""
_WORKERS = 2


def main() -> int:
    """The table."""
    series = QUICK_SERIES if parser(__doc__).parse_args().quick else SERIES
    progress = Progress("kinds")
    calls = [(kind, series) for kind in SERVICES]
    found = list(in_processes(false_alarms, calls, _WORKERS, lambda done: progress("kinds", done, len(calls))))
    rows = [[kind, *map(_figure, figures)] for (kind, _), figures in zip(calls, found, strict=True)]
    rows.append(["mean", *map(_figure, np.mean(found, axis=0).tolist())])
    head = ["false alarms a series and day", "day 2", "day 3", "days 4–7", "week 2", "week 3", "week 3, band alone"]
    table(f"{series} series of each kind; 0.14 are asked for", head, rows)
    return 0


def _figure(value: float) -> str:
    return f"{value:.2f}"


def false_alarms(kind: str, series: int) -> list[float]:
    """A series and day in each of `SPANS`, and in the last one without a judge."""
    panel = made(kind, series)
    judged, alone = flagged(panel), flagged(panel, "judgement.enabled=false")
    return [*(a_day(panel, judged, *span) for span in SPANS), a_day(panel, alone, *SPANS[-1])]


def made(kind: str, series: int) -> Panel:
    """``series`` of this kind, three weeks from a midnight on."""
    rng = np.random.default_rng(100 + list(SERVICES).index(kind))
    times = BEGIN + STEP * np.arange(DAYS * A_DAY, dtype=np.int64)
    keys = tuple(SeriesKey("kinds", (("i", str(i)),)) for i in range(series))
    return Panel(keys, times, np.ascontiguousarray(SERVICES[kind](rng, (series, len(times))), np.float64))


def flagged(panel: Panel, *changes: str) -> Bools:
    """``[S, n]`` whether a sample is flagged."""
    settings = asking(None, train_every=HOUR)
    config, alias = configured(replace(settings, changes=(*settings.changes, *changes)), {}, STEP)
    found = replay(config, alias, panel, start=A_DAY).outputs[ANOMALY] == 1
    return np.asarray(found)


def a_day(panel: Panel, found: Bools, begin: int, end: int) -> float:
    """Episodes of a series and day, of what is ``found`` from the day ``begin`` to ``end``."""
    part = slice(begin * A_DAY, end * A_DAY)
    seconds, none = panel.times[part] / SECOND, np.zeros((end - begin) * A_DAY, np.int64)
    return Curve([Track(seconds, none, row[part].astype(float), STEP / SECOND) for row in found]).at(1.0).false


if __name__ == "__main__":
    sys.exit(main())
