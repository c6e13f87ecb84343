"""One deadline for a whole call, however many requests, retries and receives it is made of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What runs inside has ``seconds`` from now, or what is left of an enclosing deadline if that is less."""
    until = time.monotonic() + seconds
    outer = _until.get()
    token = _until.set(until if outer is None else min(outer, until))
    try:
        yield
    finally:
        _until.reset(token)


def remaining(most: float) -> float:
    """Seconds left, at most ``most``; not above 0 when the time is up."""
    until = _until.get()
    return most if until is None else min(most, until - time.monotonic())
