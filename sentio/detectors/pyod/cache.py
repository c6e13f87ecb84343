"""The models that were fitted last, by the window that they were fitted to."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np

from sentio.detectors.pyod.fits import Models, Window
from sentio.types import Array

_LEAST = 2000


class Cache:
    """Of ``2 · most series at once`` windows, and never fewer than 2000; the one that was used longest ago goes first.

    Twice, because while a training goes on there are the models in use and those that will replace them.
    """

    def __init__(self) -> None:
        self._models: OrderedDict[bytes, Models] = OrderedDict()
        self._lock = threading.Lock()
        self._most = _LEAST

    def room_for(self, series: int) -> None:
        """Never let go of the models of so many."""
        self._most = max(self._most, 2 * series)

    def get(self, digest: Array) -> Models | None:
        key = digest.tobytes()
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
            return self._models.get(key)

    def put(self, digest: Array, models: Models) -> None:
        with self._lock:
            self._models[digest.tobytes()] = models
            self._models.move_to_end(digest.tobytes())
            while len(self._models) > self._most:
                self._models.popitem(last=False)


def digest(window: Window) -> Array:
    """Two numbers, uint64, that no other window has."""
    text = hashlib.blake2b(digest_size=16)
    for array in window:
        text.update(np.ascontiguousarray(array).tobytes())
    return np.frombuffer(text.digest(), np.uint64)
