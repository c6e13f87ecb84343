"""A lock that nobody waits for without end: who holds it may hang in somebody else's code."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sentio.errors import SentioError

_LONGEST_S = 600.0
"""Longer than a tick that is well; short enough that threads which wait for one that hangs do not become ever more."""


class Turns:
    """One at a time. Raises `SentioError` where a turn does not come."""

    def __init__(self, where: str) -> None:
        self._where, self._lock = where, threading.Lock()

    def __enter__(self) -> None:
        self._take(_LONGEST_S)

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A turn that comes within so many seconds."""
        self._take(seconds)
        try:
            yield
        finally:
            self._lock.release()

    def _take(self, seconds: float) -> None:
        if not self._lock.acquire(timeout=seconds):
            raise SentioError(f"{self._where}: a tick is still at work, or hangs; one that ends is expected")
