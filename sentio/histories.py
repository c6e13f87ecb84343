"""The two histories of one pipeline: of the whole window on its training grid, and of the last steps, each of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

from sentio.history import History
from sentio.types import Bools, Keys, Panel, union

_YOUNG = 1000
"""Steps of which every one is kept."""


class Histories:
    """``whole``: the last ``length`` ns, at most ``max_points`` columns of it. ``young``: the last steps, for the
    series that are younger than a coarse grid can tell of. Where the grid of the whole window has every step, both are
    one."""

    def __init__(self, *, step: int, length: int, max_points: int, keep: int) -> None:
        self.whole = self.young = History(step=step, length=length, max_points=max_points, keep=keep)
        if length // step > max_points:
            self.young = History(step=step, length=_YOUNG * step, max_points=_YOUNG + 1, keep=keep)

    def __iter__(self) -> Iterator[History]:
        """The whole one first; one alone where both are one."""
        return iter(dict.fromkeys((self.whole, self.young)))

    @property
    def keys(self) -> Keys:
        return union(self.whole.keys, self.young.keys)

    @property
    def columns(self) -> int:
        """How many samples a series can have in one of them now, and some."""
        return max(history.columns for history in self)

    def add(self, panel: Panel, left_out: Bools) -> None:
        """As `History.add` does, to each."""
        for history in self:
            history.add(panel, left_out)

    def back_to(self, now: int) -> None:
        for history in self:
            history.back_to(now)

    def settle(self, now: int) -> None:
        for history in self:
            history.settle(now)

    def by_age(self, keys: Keys) -> Iterator[tuple[History, Keys]]:
        """A series whose whole life is kept in every step is to be learned from those, the others from the grid."""
        young = self.young.began(keys) <= self.whole.began(keys)
        yield self.whole, tuple(compress(keys, (~young).tolist()))
        yield self.young, tuple(compress(keys, young.tolist()))
