"""What was made of something, kept while it may be asked for again. No result depends on whether it still is."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from sentio.types import Array

T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by the digest of what they were made of; those that were not asked for longest are let go. Safe for use by
    several threads, as long as nobody changes a value."""

    def __init__(self) -> None:
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._lock = threading.Lock()
        self._room = 0

    def have_room(self, series: int) -> None:
        """Keep the values of so many series at least, and of each the one before."""
        self._room = max(self._room, 2 * series)

    def get(self, key: bytes) -> T | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: bytes, value: T) -> T:
        """Gives ``value``."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > max(1, self._room):
                self._values.popitem(last=False)
        return value


def digest(samples: Array, *numbers: int) -> bytes:
    """Of ``samples [n]`` and what else decides."""
    return hashlib.blake2b(repr(numbers).encode() + samples.tobytes(), digest_size=16).digest()
