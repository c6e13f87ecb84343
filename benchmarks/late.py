"""Is a day that comes hours late or early named as that, and nothing else so?

Noisy series with the shape of a day. On the eleventh, twelfth and nineteenth day, from four in the morning on and for a
day, it comes late or early; or, for six hours from nine on, it is higher, or leads away. Counted are days that are
flagged, and those of them of which an incident is called an early or late pattern when it ends.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from benchmarks.clean import A_DAY, BEGIN, STEP
from benchmarks.figures import parser, table
from benchmarks.injected import AT_DAYS, DAYS, QUICK_SEEDS, SEEDS
from benchmarks.judging import Progress, asking
from sentio.config.model import HOUR
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.replay import replay
from sentio.evaluation.settings import configured
from sentio.judgement.judge import KIND
from sentio.judgement.kinds import Kind
from sentio.types import ANOMALY, Floats, Panel, SeriesKey

NOISE = 4.0
_FROM, _AGAIN = 4, 28
"""Hours of the day between which it is another."""
_WORKERS = 2


def office(hours: Floats) -> Floats:
    """From eight to half past six, half an hour to come and to go."""
    hour = hours % 24
    return 100 + 60 * np.clip(2 * (hour - 8), 0, 1) * np.clip(2 * (18.5 - hour), 0, 1)


def peaks(hours: Floats) -> Floats:
    """At nine and at seven in the evening."""
    hour = hours % 24
    return 100 + 60 * np.exp(-(((hour - 9) / 1.5) ** 2)) + 40 * np.exp(-(((hour - 19) / 2) ** 2))


def wave(hours: Floats) -> Floats:
    """A sinusoid."""
    return 100 + 60 * np.sin(2 * np.pi * hours / 24)


_Shape = Callable[[Floats], Floats]


def _later(by: float) -> Callable[[_Shape, Floats, Floats], Floats]:
    return lambda shape, hours, since: shape(np.where((since >= 0) & (since < _AGAIN - _FROM), hours - by, hours))


def _six_hours(since: Floats) -> Floats:
    return np.clip(since - 5, 0, 6) * (since < 11)


SHAPES: MappingProxyType[str, _Shape] = MappingProxyType({"office hours": office, "two peaks": peaks, "wave": wave})
CHANGES: MappingProxyType[str, Callable[[_Shape, Floats, Floats], Floats]] = MappingProxyType(
    {
        "2 h late": _later(2),
        "1 h late": _later(1),
        "1 h early": _later(-1),
        "2 h early": _later(-2),
        "40 higher": lambda shape, hours, since: shape(hours) + 40 * (_six_hours(since) > 0),
        "10 an hour": lambda shape, hours, since: shape(hours) + 10 * _six_hours(since),
    }
)


def main() -> int:
    """The table."""
    seeds = QUICK_SEEDS if parser(__doc__).parse_args().quick else SEEDS
    progress = Progress("late")
    calls = [(shape, change, seeds) for shape in SHAPES for change in CHANGES]
    found = list(in_processes(named, calls, _WORKERS, lambda done: progress("cases", done, len(calls))))
    told = iter(f"{names} of {flagged}" for flagged, names in found)
    rows = [[shape, *(next(told) for _ in CHANGES)] for shape in SHAPES]
    days = seeds * len(AT_DAYS)
    table(f"Called early or late, of what is flagged of {days} days", ["shape of the day", *CHANGES], rows)
    return 0


def named(shape: str, change: str, seeds: int) -> tuple[int, int]:
    """Days that are flagged, and those of them that are called early or late when an incident ends."""
    length = DAYS * A_DAY
    hours = 24 * np.arange(length) / A_DAY
    parts = [slice(day * A_DAY + _FROM * A_DAY // 24, day * A_DAY + _AGAIN * A_DAY // 24) for day in AT_DAYS]
    since = np.full(length, -1.0)
    for part in parts:
        since[part] = hours[part] - hours[part.start]
    noise = np.array([np.random.default_rng(seed).normal(size=length) for seed in range(seeds)])
    times = BEGIN + STEP * np.arange(length, dtype=np.int64)
    keys = tuple(SeriesKey("late", (("seed", str(i)),)) for i in range(seeds))
    values = CHANGES[change](SHAPES[shape], hours, since) + NOISE * noise
    config, alias = configured(asking(None, train_every=HOUR), {}, STEP)
    result = replay(config, alias, Panel(keys, times, values))
    kinds = np.nan_to_num(result.outputs[KIND])
    pattern = (kinds == Kind.LATE_PATTERN) | (kinds == Kind.EARLY_PATTERN)
    ends = np.diff((kinds > 0).astype(int), axis=1, append=0) < 0
    flagged = names = 0
    for part in parts:
        over = (result.outputs[ANOMALY][:, part] == 1).any(axis=1)
        flagged += int(over.sum())
        names += int((over & (pattern & ends)[:, part].any(axis=1)).sum())
    return flagged, names


if __name__ == "__main__":
    sys.exit(main())
