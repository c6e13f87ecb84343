"""How many false alarms are there when people's clocks are put forward or back?

Metrics that keep people's hours, in none of which anything is the matter, over the last Sunday of March and of October
in Berlin, trained once a day: with no time zone, with that of the detector (which the judge then follows), and with the
detector's while the judge goes by UTC.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType

import numpy as np

from benchmarks.clean import A_DAY, STEP
from benchmarks.figures import parser, table
from benchmarks.judging import Progress, asking
from benchmarks.kinds import a_day
from benchmarks.late import NOISE, SHAPES
from benchmarks.services import SERVICES
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import configured
from sentio.types import ANOMALY, SECOND, Floats, Panel, SeriesKey

SERIES, QUICK_SERIES = 6, 1
LEARNED, BEFORE, AFTER = 7, 21, 5
"""Days until which nothing is judged, until the one on which the clocks change, and from then on."""
SPANS = ((BEFORE - 7, BEFORE), (BEFORE, BEFORE + 1), (BEFORE + 1, BEFORE + 2), (BEFORE + 2, BEFORE + AFTER))
_HOUR = A_DAY // 24
CHANGES = (("2026-03-29T01:00Z", 1), ("2026-10-25T01:00Z", -1))
"""When, and by how many hours the clocks are put forward."""
ZONES = MappingProxyType(
    {
        "none": (),
        "of the detector": ("detector.timezone=Europe/Berlin",),
        "and the judge in UTC": ("detector.timezone=Europe/Berlin", "judgement.timezone=UTC"),
    }
)
Shape = tuple[int, int]


def main() -> int:
    """The table."""
    series = QUICK_SERIES if parser(__doc__).parse_args().quick else SERIES
    progress = Progress("clocks")
    names = [*SHAPES, *SERVICES]
    calls = [(name, zone, series, change) for name in names for zone in ZONES for change in range(len(CHANGES))]
    found = np.array(list(in_processes(false_alarms, calls, 2, lambda done: progress("runs", done, len(calls)))))
    means = found.reshape(len(names), len(ZONES), len(CHANGES), -1).mean(axis=2)
    figures = {**dict(zip(SHAPES, means, strict=False)), f"{len(SERVICES)} kinds": means[len(SHAPES) :].mean(axis=0)}
    rows = [
        [f"{name}: {zone}", *(f"{number:.2f}" for number in numbers)]
        for name, of_zones in figures.items()
        for zone, numbers in zip(ZONES, of_zones, strict=True)
    ]
    head = ["false alarms a series and day: time zone", "week before", "first day", "second", "third to fifth"]
    table(f"{series} series of each; 0.14 are asked for", head, rows)
    return 0


def false_alarms(name: str, zone: str, series: int, change: int) -> list[float]:
    """A series and day in each of `SPANS`."""
    panel = made(name, series, *CHANGES[change])
    settings = asking(None)
    config, alias = configured(replace(settings, changes=(*settings.changes, *ZONES[zone])), {}, STEP)
    found = np.asarray(replay(config, alias, panel, start=LEARNED * A_DAY).outputs[ANOMALY] == 1)
    return [a_day(panel, found, *span) for span in SPANS]


def made(name: str, series: int, change: str, forward: int) -> Panel:
    """``series`` of this kind by clocks that are put ``forward`` at ``change``, from a midnight of theirs on."""
    rng = np.random.default_rng(200 + [*SHAPES, *SERVICES].index(name))
    at, days = BEFORE * A_DAY + 2 * _HOUR, BEFORE + AFTER
    values = _kinds()[name](rng, (series, days * A_DAY + _HOUR))
    # An hour that there is not, or that there is twice.
    values = np.concatenate([values[:, :at], values[:, at + forward * _HOUR :]], axis=1)[:, : days * A_DAY]
    begin = int(datetime.fromisoformat(change).timestamp()) * SECOND - at * STEP
    keys = tuple(SeriesKey("clocks", (("i", str(i)),)) for i in range(series))
    return Panel(keys, begin + STEP * np.arange(days * A_DAY, dtype=np.int64), np.ascontiguousarray(values, np.float64))


def _kinds() -> dict[str, Callable[[np.random.Generator, Shape], Floats]]:
    return {**{name: partial(_noisy, shape) for name, shape in SHAPES.items()}, **SERVICES}


def _noisy(shape: Callable[[Floats], Floats], rng: np.random.Generator, size: Shape) -> Floats:
    return shape(24 * np.arange(size[1]) / A_DAY) + NOISE * rng.normal(size=size)


if __name__ == "__main__":
    sys.exit(main())
