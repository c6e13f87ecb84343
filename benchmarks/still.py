"""How many false alarms follow a series that has stood still?

Series in which nothing else is the matter stand still at their mean for some hours, up to a midnight, as behind a
collector that hangs. Counted are false alarms on the day after it.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.clean import A_DAY, LEARNED, STEP, clean
from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.judging import Progress, asking
from benchmarks.kinds import a_day
from sentio.config.model import DAY
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import configured
from sentio.types import ANOMALY

KINDS = ("Gaussian, independent", "AR(1), 0.95", "shape of a day, and noise")
HOURS = (0, 3, 20, 60)
SERIES, QUICK_SERIES = 300, 2
_UNTIL, _MEAN = 14, 100.0
_ASKED = 1 / 7
_WORKERS = 2


def main() -> int:
    """The table, and the reach."""
    series = QUICK_SERIES if parser(__doc__).parse_args().quick else SERIES
    progress = Progress("still")
    calls = [(kind, hours, series) for kind in KINDS for hours in HOURS]
    found = list(in_processes(false_alarms, calls, _WORKERS, lambda done: progress("still", done, len(calls))))
    rows = dict(zip(KINDS, np.reshape(found, (len(KINDS), len(HOURS))).tolist(), strict=True))
    head = ["false alarms a series on the day after", *(f"{hours} h" for hours in HOURS)]
    table(f"{series} series of each kind; 0.14 are asked for", head, [[k, *map(number, v)] for k, v in rows.items()])
    if series == QUICK_SERIES:
        return 0
    night = HOURS.index(20)
    return verdict(Reach(f"{kind}, after 20 h", row[night], 2 * _ASKED, "false alarms") for kind, row in rows.items())


def false_alarms(kind: str, hours: int, series: int) -> float:
    """A series on the day after it has stood still for so many ``hours``."""
    panel = clean(kind, series)
    panel.values[:, _UNTIL * A_DAY - hours * A_DAY // 24 : _UNTIL * A_DAY] = _MEAN
    config, alias = configured(asking(None, train_every=DAY), {}, STEP)
    flagged = np.asarray(replay(config, alias, panel, start=LEARNED * A_DAY).outputs[ANOMALY] == 1)
    return a_day(panel, flagged, _UNTIL, _UNTIL + 1)


if __name__ == "__main__":
    sys.exit(main())
