"""What is left out: samples that are neither judged nor learned from, by their times or by what another query says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from sentio.hours import Weekly, wall_clock
from sentio.types import Bools, Ints, Keys, Panel


@dataclass(frozen=True, slots=True)
class Exclusion:
    """``weekly``: hours of the week by the wall clock of ``timezone``. ``spans``: from and to in ns, the end not
    included. ``when``: a query; where its answer is neither 0 nor NaN, the series that have all labels of one of its
    series are left out. Empty: there is none."""

    weekly: tuple[Weekly, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    timezone: str = "UTC"
    when: str = ""

    def mask(self, keys: Keys, times: Ints, when: Panel | None = None) -> Bools | None:
        """``[S, m]``: what of ``keys [S]`` at ``times [m]`` (ns) is left out; None where nothing is.

        ``when``: the answer of `when` at the same ``times``; None where it is not known, and so leaves nothing out.
        """
        always = self.at(times)
        if when is None and not always.any():
            return None
        out = np.repeat(always[None, :], len(keys), axis=0)
        if when is not None:
            out |= _where_on(keys, when)
        return out if out.any() else None

    def at(self, times: Ints) -> Bools:
        """``[m]``: which of ``times [m]`` (ns) are left out of every series."""
        out = np.zeros(len(times), bool)
        if self.weekly:
            wall = wall_clock(times, self.timezone)
            for hours in self.weekly:
                out |= hours.within(wall)
        for start, end in self.spans:
            out |= (times >= start) & (times < end)
        return out


def _where_on(keys: Keys, when: Panel) -> Bools:
    """``[S, m]``: where a series of ``when`` whose labels ``keys`` have is on. Its metric's name does not matter."""
    on = np.isfinite(when.values) & (when.values != 0)
    # By the names of their labels: each series is looked up once for all that have the same ones.
    groups: dict[tuple[str, ...], dict[tuple[str | None, ...], Bools]] = defaultdict(dict)
    for row in np.flatnonzero(on.any(axis=1)).tolist():
        labels = when.keys[row].labels
        group, values = groups[tuple(name for name, _ in labels)], tuple(value for _, value in labels)
        group[values] = group[values] | on[row] if values in group else on[row]
    out = np.zeros((len(keys), len(when.times)), bool)
    for names, group in groups.items():
        for row, key in enumerate(keys):
            labels_of = dict(key.labels)
            found = group.get(tuple(labels_of.get(name) for name in names))
            if found is not None:
                out[row] |= found
    return out
