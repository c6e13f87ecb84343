"""How many incidents are caught, and how many false alarms does it take?

The pipeline as it runs in production, over labelled series (a folder as docs/evaluation.md describes it, named by
--data or in SENTIO_QUALITY_DATA; none is shipped) and over series in which nothing is the matter.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.clean import KINDS, QUICK_SERIES, SERIES, false_alarms
from benchmarks.figures import Reach, number, parser, table, verdict
from benchmarks.judging import BUDGETS, Progress, asking
from sentio.cli.arguments import duration
from sentio.evaluation.backtest import Running, of_folder
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.figures import Figures, figures_of
from sentio.evaluation.labelled import MANIFEST

_FOLDER = "SENTIO_QUALITY_DATA"
_WORKERS = 2
_SLACK = 2.0
"""A budget is kept when there are less than so many times the false alarms that were asked for, and more than one so
many-th of them."""


def main() -> int:
    """The tables, and whether the budgets are kept."""
    made = parser(__doc__)
    made.add_argument(
        "--data", type=Path, default=os.environ.get(_FOLDER), metavar="DIR", help=f"in place of {_FOLDER}"
    )
    made.add_argument(
        "--train-every", type=duration, default="1d", metavar="LENGTH", help="in place of train.every: 1h as a service"
    )
    arguments = made.parse_args()
    if arguments.quick:
        print("labelled series: left out with --quick")
    elif arguments.data is None:
        print(f"labelled series: left out: none are shipped; a folder with {MANIFEST}, in {_FOLDER}, is expected")
    else:
        _labelled(Path(arguments.data), arguments.train_every)
    reaches = list(_clean(QUICK_SERIES if arguments.quick else SERIES, arguments.train_every))
    return verdict([] if arguments.quick else reaches)


def _labelled(folder: Path, train_every: int) -> None:
    began = time.monotonic()
    judged = of_folder(folder, asking(None, train_every), Running(_WORKERS), Progress("labelled series"))
    taken = time.monotonic() - began
    figures = figures_of(judged)
    head = ["set", "series", "incidents", "recall at 0.05/day", "0.1", "0.2", "0.5"]
    rows = [[f.name, str(f.series), str(f.incidents), *map(_figure, f.recall.values())] for f in figures]
    table("One threshold on anomaly_score for each set", head, rows)
    head = ["set", "recall", "false alarms/day", "precision", "delay, min", "series over twice the rate", "by chance"]
    table("What is flagged", head, map(_flagged, figures))
    head = ["set", "samples", "in the band", "in the detector's own", *(f"NAB {name}" for name in figures[0].nab)]
    shares = [[f.coverage, f.detector_coverage, *f.nab.values()] for f in figures]
    rows = [[f.name, f"{f.samples:,}", *map(_figure, more)] for f, more in zip(figures, shares, strict=True)]
    table("Samples outside incidents, and NAB's score", head, rows)
    print(f"{sum(len(one.values) for one in judged):,} samples were scored in {taken:.0f} s by {_WORKERS} processes.")


def _flagged(figures: Figures) -> Sequence[str]:
    f = figures.flagged
    return [figures.name, *map(_figure, (f.recall, f.false, f.precision, f.delay, f.noisy, f.by_chance))]


def _figure(value: float) -> str:
    return "n/a" if value != value else number(value)


def _clean(series: int, train_every: int) -> Iterator[Reach]:
    calls = [(kind, budget, series, train_every) for budget in BUDGETS for kind in KINDS]
    progress = Progress("clean series")
    found = list(in_processes(false_alarms, calls, _WORKERS, lambda done: progress("panels", done, len(calls))))
    rows = []
    for (kind, budget, *_), (count, coverage) in zip(calls, found, strict=True):
        rows.append([kind, budget, *map(_figure, (count.false, count.noisy, coverage))])
        asked, what = BUDGETS[budget], f"{kind}, {budget} asked: false alarms"
        yield Reach(what, count.false, _SLACK * asked, "a series and day")
        yield Reach(what, count.false, asked / _SLACK, "a series and day", above=True)
    head = ["series in which nothing is the matter", "asked", "false alarms/day", "over twice the rate", "in the band"]
    table(f"{series} series of each kind, two weeks after one that is learned from", head, rows)


if __name__ == "__main__":
    sys.exit(main())
