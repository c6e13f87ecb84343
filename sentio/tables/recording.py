"""Panels kept as Parquet: one row for each sample, and a table of the series in the file's metadata.

Columns: ``time`` (UTC, ns), ``series`` (the number of the series in the table) and ``value``. The metadata's entry
``sentio.recording`` is JSON: ``layout``, ``pipeline``, ``query``, ``step`` (ns) and ``series``, a list of the name and
the labels of each. Row groups follow one another in time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sentio.errors import SensorsError
from sentio.tables.parquet import package
from sentio.tables.replace import replacing
from sentio.types import Floats, Ints, Keys, Panel, SeriesKey, Window

_ENTRY = "sentio.recording"
_LAYOUT = 1
_SAMPLES_AT_ONCE = 1_000_000
"""Of a row group: 20 MB before they are compressed."""
_EXPECTED = "a file that sentio record has written is expected"


@dataclass
class Recorder:
    """Takes panels of consecutive times."""

    path: Path
    series: dict[SeriesKey, int] = field(default_factory=dict)
    samples: int = 0
    _kept: list[Any] = field(default_factory=list)
    _waiting: int = 0
    _begun: bool = False

    def add(self, panel: Panel) -> None:
        """All samples of ``panel``; NaN is none."""
        numbers = np.array([self.series.setdefault(key, len(self.series)) for key in panel.keys], np.int32)
        row, column = np.nonzero(np.isfinite(panel.values))
        self._kept.append((panel.times[column], numbers[row], panel.values[row, column]))
        self._waiting += len(row)
        self.samples += len(row)
        if self._waiting >= _SAMPLES_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        times, numbers, values = (np.concatenate(parts) for parts in zip(*self._kept, strict=True))
        # A series beside itself is what compresses.
        order = np.lexsort((times, numbers))
        frame = pd.DataFrame({
            "time": pd.to_datetime(times[order], utc=True), "series": numbers[order], "value": values[order]
        })  # fmt: skip
        package(str(self.path)).write(
            str(self.path),
            frame,
            append=self._begun,
            compression="ZSTD",
            write_index=False,
            has_nulls=False,
            stats=True,
        )
        self._kept, self._waiting, self._begun = [], 0, True

    def end(self, told: dict[str, object]) -> None:
        if self._waiting:
            self._flush()
        if self._begun:
            series = [[key.name, dict(key.labels)] for key in self.series]
            text = json.dumps({"layout": _LAYOUT, **told, "series": series}, ensure_ascii=False)
            package(str(self.path)).update_file_custom_metadata(str(self.path), {_ENTRY: text})


@contextmanager
def recording(path: str | Path, *, pipeline: str, query: str, step: int) -> Iterator[Recorder]:
    """A `Recorder` to ``path``, which is there once the block has ended with at least one sample.

    Raises `OutputError`, `ModuleError`, and `SensorsError` where there was no sample.
    """
    package(str(path))
    with replacing(path) as beside:
        recorder = Recorder(beside)
        yield recorder
        if not recorder.samples:
            raise SensorsError(f"{path}: is not written, for there is no sample; times with samples are expected")
        recorder.end({"pipeline": pipeline, "query": query, "step": step})


class Recorded:
    """A recording that is open: its ``query``, its ``step`` (ns) and its ``keys``."""

    def __init__(self, path: str | Path) -> None:
        """Raises `InputError` where it is none, and `OSError`."""
        made = package(str(path)).ParquetFile
        Path(path).open("rb").close()
        try:
            self._file = made(str(path))
            told = json.loads(self._file.key_value_metadata[_ENTRY])
            self.query, self.step = str(told["query"]), int(told["step"])
            self.keys: Keys = tuple(SeriesKey.of({"__name__": name, **labels}) for name, labels in told["series"])
            layout = told["layout"]
            bounds = self._file.statistics
            self._first = np.array(bounds["min"]["time"], "datetime64[ns]").astype(np.int64)
            self._last = np.array(bounds["max"]["time"], "datetime64[ns]").astype(np.int64)
        except Exception as error:  # the package raises whatever a damaged file makes of it
            text = f"{path}: cannot be read ({type(error).__name__}: {error}); {_EXPECTED}"
            raise SensorsError(text) from error
        if layout != _LAYOUT:
            raise SensorsError(f"{path}: has the layout {layout}; {_LAYOUT} is expected")
        self._path = str(path)
        self._held: tuple[int, tuple[Ints, Ints, Floats]] | None = None

    def read(self, window: Window) -> Panel:
        """What was recorded at exactly the times of ``window``, of the series that have a sample there. ``window`` is
        on the grid of the recording. Raises `InputError`."""
        values = np.full((len(self.keys), len(window)), np.nan)
        for group in np.flatnonzero((self._first <= window.end) & (self._last >= window.start)).tolist():
            times, series, samples = self._group(group)
            column, off = np.divmod(times - window.start, window.step)
            there = (off == 0) & (column >= 0) & (column < len(window))
            values[series[there], column[there]] = samples[there]
        some = np.flatnonzero(np.isfinite(values).any(axis=1))
        panel = Panel(self.keys, window.times(), values)
        return panel if len(some) == len(values) else panel.rows(some)

    def _group(self, number: int) -> tuple[Ints, Ints, Floats]:
        """Times, series and values; the last is kept, for ticks ask for the end again and again."""
        if self._held is None or self._held[0] != number:
            try:
                frame = self._file[number].to_pandas(index=False)
            except Exception as error:  # as above
                text = f"{self._path}: cannot be read ({type(error).__name__}: {error}); {_EXPECTED}"
                raise SensorsError(text) from error
            times = frame["time"].dt.tz_localize(None).to_numpy("datetime64[ns]").astype(np.int64)
            self._held = number, (times, frame["series"].to_numpy(np.int64), frame["value"].to_numpy(np.float64))
        return self._held[1]
