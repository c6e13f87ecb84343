"""Series, scores and folders made for these tests."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from random import Random

import numpy as np

from sentio.evaluation.measures import Track
from sentio.types import SECOND, Floats, Ints, Panel, SeriesKey

STEP = 300 * SECOND
BEGIN = 1_700_000_100 // 300 * 300 * SECOND
DAY = 288


def daily(length: int, seed: int, *, gaps: float = 0.0) -> Floats:
    """``[length]``: a daily shape with noise, one sample in five minutes; NaN where there is a gap."""
    rng = np.random.default_rng(seed)
    values = 50 + 20 * np.sin(2 * np.pi * np.arange(length) / DAY) + rng.normal(0, 2, length)
    values[rng.random(length) < gaps] = np.nan
    return values


def panel(*rows: Floats) -> Panel:
    """The rows as series named a, b, c, …"""
    keys = tuple(SeriesKey("abcdefgh"[i]) for i in range(len(rows)))
    return Panel(keys, BEGIN + STEP * np.arange(len(rows[0]), dtype=np.int64), np.array(rows))


def track(number: int) -> Track:
    """A series with incidents, gaps and scores that reach higher in them; the same on every machine."""
    random = Random(number)
    step = (60, 300, 3600)[number % 3]
    at, seconds, labels, scores = 1_600_000_000, list[float](), list[int](), list[float]()
    left = 0
    for _ in range(1500):
        at += step * (1 + (random.random() < 0.01) * int(40 * random.random()))
        left = left - 1 if left else int(30 * random.random()) * (random.random() < 0.006)
        high = 1.5 if left and random.random() < 0.2 else 0.0
        score = -math.log(random.random()) / 4 + high - 0.05
        seconds.append(at)
        labels.append(int(left > 0))
        scores.append(math.nan if random.random() < 0.01 else round(score, 6))
    return Track(np.array(seconds, np.float64), np.array(labels, np.int64), np.array(scores), float(step))


def write_series(path: Path, times: Ints, values: Floats, labels: Ints | None = None) -> Path:
    """A file of samples, in gzip where its name says so; ``times`` in ns."""
    rows = ["time,value" + (",label" if labels is not None else "")]
    for i, (at, value) in enumerate(zip((times // SECOND).tolist(), values.tolist(), strict=True)):
        rows.append(
            f"{at},{'' if math.isnan(value) else repr(value)}" + (f",{labels[i]}" if labels is not None else "")
        )
    data = ("\n".join(rows) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def labelled_folder(folder: Path) -> Path:
    """Two sets with a day's spike in each series: four days of three series, one of them by the hour."""
    lines = ["set,series,group,step_seconds,scored_from_index,points"]
    for name, group, every in (("one", "web", 1), ("two", "web", 1), ("slow", "db", 12)):
        length = 4 * DAY // every
        values = daily(4 * DAY, len(name))[::every].copy()
        labels = np.zeros(length, np.int64)
        at = slice(3 * length // 4, 3 * length // 4 + max(2, 12 // every))
        values[at] += 60
        labels[at] = 1
        times = BEGIN // (every * STEP) * every * STEP + every * STEP * np.arange(length, dtype=np.int64)
        write_series(folder / group / f"{name}.csv.gz", times, values, labels)
        lines.append(f"{group},{name},x,{300 * every},{length // 2},{length}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder
