"""Which series arrive, and when each was seen last."""

from __future__ import annotations

from itertools import compress

import numpy as np

from sentio.types import SECOND, Ints, Keys, Panel, positions, union

_NEVER = np.iinfo(np.int64).min
_TELL_EVERY = 600 * SECOND
"""Where pods come and go all day, a line for each would be all that the log has."""


class Arrivals:
    """``live``: the series that have arrived within their time to live; ``seen [S]`` ns: when each did last."""

    def __init__(self) -> None:
        self.live: Keys = ()
        self.seen: Ints = np.empty(0, np.int64)
        self._untold, self._told_at = 0, -_TELL_EVERY

    def begin(self, live: Keys, now: int) -> None:
        """As if ``live`` had been seen ``now``."""
        self.live, self.seen = live, np.full(len(live), now, np.int64)

    def back_to(self, now: int) -> None:
        """The clock was ahead, and is ``now``: what goes from now on is not to be awaited until it is there again."""
        self.seen, self._told_at = np.minimum(self.seen, now), min(self._told_at, now)

    def take(self, fresh: Panel, since: int) -> int:
        """Those of ``fresh`` have arrived; who was seen last before ``since`` is gone. Gives how many these are."""
        # The fresh objects where they are equal: those of a restored state are never the source's, and comparing
        # what is identical is much cheaper.
        keys = fresh.keys if fresh.keys == self.live else union(self.live, fresh.keys)
        seen = np.full(len(keys), _NEVER)
        seen[: len(self.live)] = self.seen
        arrived = np.isfinite(fresh.values)
        at = positions(fresh.keys, keys)
        last = fresh.times[-1 - np.argmax(arrived[:, ::-1], axis=1)] if len(fresh.times) else np.empty(0, np.int64)
        some = arrived.any(axis=1)
        seen[at[some]] = np.maximum(seen[at[some]], last[some])
        alive = seen >= since
        gone = len(self.live) - int(alive[: len(self.live)].sum())
        self._untold += gone
        if not alive.all():
            keys = tuple(compress(keys, alive.tolist()))
        self.live, self.seen = keys, seen[alive]
        return gone

    def news(self, now: int) -> int:
        """How many have gone since this was told last; 0 where that is less than ten minutes ago."""
        if not self._untold or now < self._told_at + _TELL_EVERY:
            return 0
        untold, self._untold, self._told_at = self._untold, 0, now
        return untold
