"""A whole table in memory, and what of it lies in a window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentio.config.misfit import one_of, show
from sentio.errors import SourceError
from sentio.grid import newest
from sentio.tables.lay import key_of, label_names
from sentio.tables.reader import Table
from sentio.types import Floats, Ints, Panel, SeriesKey, Window

ALL = "*"
"""The query for every sensor."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What a table has: for each group of its rows ``times [n]``, increasing, and ``values [sensors, n]``."""

    where: str
    name: str
    sensors: tuple[str, ...]
    by: tuple[str, ...]
    groups: dict[tuple[str, ...], tuple[Ints, Floats]]

    def read(self, query: str, window: Window) -> Panel:
        """At each time of ``window`` the newest sample of the step that ends with it. Raises `SourceError` for a
        sensor that is not there."""
        asked = self.asked(query)
        at = {name: i for i, name in enumerate(self.sensors)}
        keys: list[SeriesKey] = []
        parts: list[Floats] = []
        for group, (times, values) in self.groups.items():
            near = slice(*np.searchsorted(times, (window.start - window.step, window.end), side="right").tolist())
            keys += [key_of(self.name, name, self.by, group) for name in asked]
            wanted = values[[at[name] for name in asked], near]
            parts.append(newest(window, times[near], wanted))
        found = np.concatenate(parts)
        some = np.flatnonzero(np.isfinite(found).any(axis=1))
        return Panel(tuple(keys), window.times(), found).rows(some)

    def asked(self, query: str) -> tuple[str, ...]:
        """The sensors of ``query``: `ALL`, or names with commas between them. Raises `SourceError`."""
        if query.strip() == ALL:
            return tuple(self.sensors)
        names = tuple(dict.fromkeys(name.strip() for name in query.split(",")))
        known = frozenset(self.sensors)
        for name in names:
            if name not in known:
                text = f"{self.where}: has no sensor {show(name)}; {one_of(self.sensors, name, also=ALL)}"
                raise SourceError(text, reason="bad_query", permanent=True)
        return names


def samples_of(table: Table) -> Samples:
    """All of ``table``, by group. Raises `InputError`."""
    label_names(table.by)
    parts: dict[tuple[str, ...], list[tuple[Ints, Floats]]] = {}
    for rows in table.chunks():
        order = np.argsort(rows.group, kind="stable")
        ends = np.searchsorted(rows.group[order], np.arange(len(rows.groups)), side="right")
        for group, own in zip(rows.groups, np.split(order, ends[:-1]), strict=True):
            parts.setdefault(group, []).append((rows.times[own], rows.values[:, own]))
    found = {
        group: (np.concatenate([times for times, _ in some]), np.concatenate([values for _, values in some], axis=1))
        for group, some in parts.items()
    }
    return Samples(table.where, table.name, table.sensors, table.by, found)
