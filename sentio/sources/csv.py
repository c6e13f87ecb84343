"""Reads a table of samples from a file, CSV or Parquet, and again where it has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from sentio.config.misfit import one_of, show
from sentio.config.options import Options as Base
from sentio.errors import InputError, SensorsError, SourceError
from sentio.grid import newest
from sentio.tables.changed import Kept
from sentio.tables.lay import key_of, label_names
from sentio.tables.reader import Choice, Table, open_table
from sentio.types import Floats, Ints, Panel, SeriesKey, Window

_ALL = "*"


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """What a file has: for each group of rows its ``times [n]``, increasing, and ``values [sensors, n]``."""

    name: str
    sensors: tuple[str, ...]
    by: tuple[str, ...]
    groups: dict[tuple[str, ...], tuple[Ints, Floats]]


class Csv:
    """A `sentio.contracts.Source` of one file. The query is ``*``, or sensors with commas between them."""

    class Options(Base):
        """Which file, and what its columns are."""

        path: Path
        """CSV, perhaps in gzip, or Parquet, by its ending."""
        timefield: str | None = None
        """The column of times; found where there is none."""
        sensors: tuple[Annotated[str, Field(min_length=1)], ...] = ()
        """The columns that ``*`` means; all with numbers where it is empty."""
        by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
        """Columns of labels that tell series apart."""
        name: str | None = None
        """Of the series; that of the file, without its endings, where there is none."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._reading = threading.Lock()  # both ticks of a pipeline read
        self._kept = Kept(options.path, self._read)

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`: at each time the newest sample of the step that ends with it."""
        samples = self._current()
        asked = _asked(str(self._options.path), query, samples.sensors)
        keys: list[SeriesKey] = []
        parts: list[Floats] = []
        for group, (times, values) in samples.groups.items():
            near = slice(*np.searchsorted(times, (window.start - window.step, window.end), side="right").tolist())
            keys += [key_of(samples.name, name, samples.by, group) for name in asked]
            wanted = values[[samples.sensors.index(name) for name in asked], near]
            parts.append(newest(window, times[near], wanted))
        found = np.concatenate(parts)
        some = np.flatnonzero(np.isfinite(found).any(axis=1))
        return Panel(tuple(keys), window.times(), found).rows(some)

    def _current(self) -> _Samples:
        """What the file has now."""
        try:
            with self._reading:
                return self._kept.now()
        except InputError as error:
            raise SourceError(str(error), reason="bad_answer", permanent=True) from error

    def _read(self, path: Path) -> _Samples:
        o = self._options
        with open_table(path, Choice(o.timefield or "", o.sensors, o.by), now=0, name=o.name or "") as table:
            return _samples(table)


def _samples(table: Table) -> _Samples:
    """All of ``table``, by group. Raises `InputError`, also where it has no times."""
    label_names(table.by)
    if not table.timefield:
        raise SensorsError(f"{table.where}: has no column of times; one, or timefield, is expected")
    parts: dict[tuple[str, ...], list[tuple[Ints, Floats]]] = {}
    for rows in table.chunks():
        order = np.argsort(rows.group, kind="stable")
        ends = np.searchsorted(rows.group[order], np.arange(len(rows.groups)), side="right")
        for group, own in zip(rows.groups, np.split(order, ends[:-1]), strict=True):
            parts.setdefault(group, []).append((rows.times[own], rows.values[:, own]))
    groups = {
        group: (np.concatenate([times for times, _ in found]), np.concatenate([values for _, values in found], axis=1))
        for group, found in parts.items()
    }
    return _Samples(table.name, table.sensors, table.by, groups)


def _asked(path: str, query: str, sensors: Sequence[str]) -> tuple[str, ...]:
    if query.strip() == _ALL:
        return tuple(sensors)
    names = tuple(dict.fromkeys(name.strip() for name in query.split(",")))
    for name in names:
        if name not in sensors:
            text = f"{path}: has no sensor {show(name)}; {one_of(sensors, name, also=_ALL)}"
            raise SourceError(text, reason="bad_query", permanent=True)
    return names
