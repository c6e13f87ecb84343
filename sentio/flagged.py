"""When each series was anomalous last, so that what was not learned from then is not learned from a restart later."""

from __future__ import annotations

from itertools import compress

import numpy as np

from sentio.types import Array, Bools, Ints, Keys, positions, union

_MOST = 16
"""Spans of a series that are known; of more, the newest."""
_APART = 5
"""Steps between two anomalous samples of one span at most."""
_NEVER = np.iinfo(np.int64).min


class Flagged:
    """Spans of time of the series that were anomalous within the last ``length`` ns; ``step`` ns between samples."""

    def __init__(self, step: int, length: int) -> None:
        self._apart, self._length = _APART * step, length
        # One attribute, put in place at once: the training reads it while a tick writes.
        self._kept: tuple[Keys, Ints] = ((), _blank(0))

    def add(self, keys: Keys, times: Ints, odd: Bools) -> None:
        """Samples of ``keys`` at ``times`` ns, later than any before, are anomalous where ``odd [S, m]``."""
        some: Bools = np.any(odd, axis=1)
        if not some.any():
            return
        (known, spans), new = self._kept, tuple(compress(keys, some.tolist()))
        known = union(known, new)
        spans = np.concatenate([spans, _blank(len(known) - len(spans))])
        at, odd = positions(new, known), odd[some]
        for column in np.flatnonzero(odd.any(axis=0)).tolist():
            rows, time = at[odd[:, column]], times[column]
            begins = rows[spans[rows, -1, 1] < time - self._apart]
            spans[begins, :-1] = spans[begins, 1:]
            spans[begins, -1, 0] = time
            spans[rows, -1, 1] = time
        recent = spans[:, -1, 1] >= times[-1] - self._length
        self._kept = tuple(compress(known, recent.tolist())), spans[recent]

    def keep(self, keys: Keys) -> None:
        """Forget all but ``keys``: nothing of the others is there to be learned from."""
        known, spans = self._kept
        some = positions(known, keys) >= 0
        if not some.all():
            self._kept = tuple(compress(known, some.tolist())), spans[some]

    def mask(self, keys: Keys, times: Ints) -> Bools:
        """``[S, m]``: which samples of ``keys`` at ``times`` ns are of such a span."""
        known, spans = self._kept
        at = positions(keys, known)
        rows = np.flatnonzero(at >= 0)
        out = np.zeros((len(keys), len(times)), bool)
        for span in np.moveaxis(spans[at[rows]], 1, 0):
            out[rows] |= (times >= span[:, :1]) & (times <= span[:, 1:])
        return out

    def onto(self, keys: Keys) -> Array:
        """``[S, spans, 2]`` ns of exactly ``keys``, to be saved: the first and the last sample of each."""
        known, spans = self._kept
        out, at = _blank(len(keys)), positions(keys, known)
        out[at >= 0] = spans[at[at >= 0]]
        return out

    def restore(self, keys: Keys, saved: Array | None) -> None:
        """Know what `onto` gave for ``keys``; nothing where it is not there, or of another version."""
        if saved is not None and saved.shape[1:] == (_MOST, 2):
            some = saved[:, -1, 1] != _NEVER
            self._kept = tuple(compress(keys, some.tolist())), saved[some]


def _blank(series: int) -> Ints:
    return np.full((series, _MOST, 2), _NEVER)
