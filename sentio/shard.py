"""Which series are this Sentio's where several share them: a hash of the labels says so, everywhere the same.

The number of a series is that of Lamping and Veach (2014), *A fast, minimal memory, consistent hash algorithm*: where
one more Sentio shares ``n + 1`` ways, one series in ``n + 1`` moves, to the new one; where the last one goes, only its
series move. Another hash would move them all, so it is never to change.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from sentio.contracts import Source
from sentio.state import State
from sentio.types import Ints, Keys, Panel, SeriesKey, Window

_SPARE = 10_000


def owner(key: SeriesKey, of: int) -> int:
    """Which of ``of`` the series belongs to, from 0 up."""
    texts = [text.encode("utf-8", "surrogatepass") for text in (key.name, *(t for pair in key.labels for t in pair))]
    # Each with its length, or two label sets could read the same.
    said = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    return _jump(int.from_bytes(blake2b(said, digest_size=8).digest(), "little"), of)


class OwnSeries:
    """A `Source` that keeps of each answer the series that belong to ``index`` of ``of``."""

    def __init__(self, source: Source, index: int, of: int) -> None:
        self._source, self._index, self._of = source, index, of
        self._known: dict[SeriesKey, bool] = {}
        none = np.empty(0, np.int64)
        self._last: tuple[Keys, Keys, Ints] = (), (), none

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`. Its notes are those of the whole answer. Raises `SourceError`."""
        panel = self._source.read(query, window)
        own, rows = self._own(panel.keys)
        return Panel(own, panel.times, panel.values[rows], panel.notes)

    def _own(self, keys: Keys) -> tuple[Keys, Ints]:
        """Those that are kept, and their rows. Equal tuples cost one comparison."""
        seen, own, rows = self._last
        if keys != seen:
            rows = np.flatnonzero([self._is_own(key) for key in keys])
            own = tuple(keys[i] for i in rows.tolist())
            self._last = keys, own, rows
            if len(self._known) > 4 * len(keys) + _SPARE:
                self._known = {}  # label values keep changing
        return own, rows

    def _is_own(self, key: SeriesKey) -> bool:
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = owner(key, self._of) == self._index
        return known


def own_part(state: State, index: int, of: int) -> State:
    """Of a saved state what belongs to ``index`` of ``of``: it may be from a time when there were more, or fewer."""
    own = [owner(key, of) == index for key in state.keys]
    return state if all(own) else state.select(np.flatnonzero(own))


def _jump(number: int, of: int) -> int:
    """Their algorithm, for a number of 64 bits."""
    found, after = 0, 0
    while after < of:
        found = after
        number = (number * 2862933555777941757 + 1) % 2**64
        after = int((found + 1) * (2**31 / ((number >> 33) + 1)))
    return found
