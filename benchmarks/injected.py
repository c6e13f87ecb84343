"""Is what anybody would see found at once, and named rightly?

Noisy series with the shape of a day. After ten days in which nothing is the matter, and again a day and a week later,
for six hours: the level rises by 40 %, falls to zero, the series vanishes, or it stands still. The pipeline starts with
no history, and trains as in production.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from benchmarks.clean import A_DAY, BEGIN, STEP
from benchmarks.figures import Reach, parser, table, verdict
from benchmarks.judging import Progress, asking
from sentio.config.model import HOUR
from sentio.evaluation.evaluate import in_processes
from sentio.evaluation.measures import episodes
from sentio.evaluation.replay import Replayed, replay
from sentio.evaluation.settings import configured
from sentio.judgement.judge import KIND
from sentio.judgement.kinds import Kind
from sentio.types import ANOMALY, SECOND, Bools, Floats, Panel, SeriesKey

AT_DAYS, DAYS, LASTS = (10, 11, 18), 19, A_DAY // 4
WITHIN = 5
"""Samples in which it has to be flagged."""
SEEDS, QUICK_SEEDS = 20, 2
_SETTLED = 3
"""Days after which the shape of a day has been learned."""
_WORKERS = 2

CASES: MappingProxyType[str, Callable[[Floats], Floats]] = MappingProxyType(
    {
        "a step of +40 %": lambda part: 1.4 * part,
        "a drop to zero": lambda part: 0 * part,
        "a vanished series": lambda part: np.full_like(part, np.nan),
        "a flatline": lambda part: np.repeat(part[:, :1], part.shape[1], axis=1),
    }
)

NAMES = {
    "a step of +40 %": Kind.LEVEL_SHIFT.word,
    "a drop to zero": Kind.DROP_TO_ZERO.word,
    "a vanished series": Kind.MISSING.word,
    "a flatline": Kind.FLATLINE.word,
}
"""What each is to be called."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``found`` and ``kinds`` for each injection; ``early`` and ``settled``: false alarms in the clean days, in all of
    them and after the first three; ``spoiled``: the series that have one of the latter."""

    found: list[int]
    kinds: list[str]
    early: int
    settled: int
    spoiled: int


def main() -> int:
    """The table."""
    quick = parser(__doc__).parse_args().quick
    seeds = QUICK_SEEDS if quick else SEEDS
    progress = Progress("injected")
    calls = [(case, seeds) for case in CASES]
    found = list(in_processes(seen, calls, _WORKERS, lambda done: progress("cases", done, len(calls))))
    rows, reaches = [], []
    for (case, _), one in zip(calls, found, strict=True):
        reaches.append(
            Reach(f"{case}: series in which each is flagged", min(one.found), seeds - 1, "series", above=True)
        )
        right = sum(kind == f"{NAMES[case]} {seeds}" for kind in one.kinds)
        reaches.append(Reach(f"{case}: times at which all have its name", right, len(AT_DAYS) - 1, "times", above=True))
        each = [f"{n}/{seeds} {kind}" for n, kind in zip(one.found, one.kinds, strict=True)]
        rows.append([case, *each, str(one.early), str(one.settled), f"{one.spoiled}/{seeds}"])
    head = [
        "case",
        "first",
        "a day later",
        "a week later",
        "false in 10 clean days",
        "after the 3rd",
        "series with one",
    ]
    table(f"Flagged within {WITHIN} samples, and as what", head, rows)
    return verdict([] if quick else reaches)


def made(case: str, seeds: int) -> Panel:
    """A series a seed, with what ``case`` does to it."""
    length = DAYS * A_DAY
    rows = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        shape = np.sin(2 * np.pi * (np.arange(length) / A_DAY + rng.random()))
        rows.append(100 + 30 * shape + 4 * rng.normal(size=length))
    values = np.array(rows)
    for day in AT_DAYS:
        part = slice(day * A_DAY, day * A_DAY + LASTS)
        values[:, part] = CASES[case](values[:, part])
    times = BEGIN + STEP * np.arange(length, dtype=np.int64)
    return Panel(tuple(SeriesKey("injected", (("seed", str(i)),)) for i in range(seeds)), times, values)


def seen(case: str, seeds: int) -> Seen:
    """What the pipeline says of it."""
    config, alias = configured(asking(None, train_every=HOUR), {}, STEP)
    result = replay(config, alias, made(case, seeds))
    flagged = result.outputs[ANOMALY] == 1
    found, kinds = [], []
    for day in AT_DAYS:
        part = slice(day * A_DAY, day * A_DAY + WITHIN)
        found.append(int(flagged[:, part].any(axis=1).sum()))
        kinds.append(_kind(result, part))
    early = [_alarms(row, 0) for row in flagged]
    settled = [_alarms(row, _SETTLED * A_DAY) for row in flagged]
    return Seen(found, kinds, sum(early), sum(settled), sum(n > 0 for n in settled))


def _alarms(row: Bools, first: int) -> int:
    at = first + np.flatnonzero(row[first : AT_DAYS[0] * A_DAY]).astype(np.float64)
    return episodes(at * (STEP / SECOND), STEP / SECOND)


def _kind(result: Replayed, part: slice) -> str:
    """What most series call it at the last of these samples at which it has a name, and how many they are."""
    codes = np.nan_to_num(result.outputs[KIND][:, part])
    last = codes.shape[1] - 1 - np.argmax(codes[:, ::-1] > 0, axis=1)
    names = [Kind(int(code)).word for code in codes[np.arange(len(codes)), last].tolist()]
    name, count = Counter(names).most_common(1)[0]
    return f"{name} {count}"


if __name__ == "__main__":
    sys.exit(main())
