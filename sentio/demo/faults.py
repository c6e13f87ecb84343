"""When the simulated containers misbehave, and how: known beforehand, so that flags can be checked."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sentio.types import SECOND, Ints

FIRST = 75 * SECOND
"""From the demo's start to its first fault: by then the bands are there, and so is a calm before it."""
LASTS = 45 * SECOND
"""How long a fault stays: three scrapes even at 15 s."""


class Kind(enum.IntEnum):
    """What a fault does to a container's CPU and memory."""

    SURGE = 0
    """Both far up: more work than ever."""
    STOP = 1
    """Both near zero: it went down."""
    STALL = 2
    """CPU near zero, memory far up: it waits for something and piles up work."""


class Active(NamedTuple):
    """``container [n]``: which one misbehaves at each time, -1 for none; ``kind [n]``: how (`Kind`)."""

    container: Ints
    kind: Ints


@dataclass(frozen=True, slots=True)
class Faults:
    """One fault every ``every`` ns from ``start`` on, on one container at a time; none before ``start``.

    The container rotates from one fault to the next, beginning at ``seed``; after a full turn each container
    gets the next kind. Raises `ValueError` when ``every`` leaves no calm between two faults.
    """

    start: int
    every: int
    seed: int
    containers: int

    def __post_init__(self) -> None:
        if self.every <= LASTS:
            raise ValueError(
                f"faults: one every {self.every / SECOND:g} s; a fault lasts {LASTS / SECOND:g} s, "
                "so they must be further apart than that"
            )

    def at(self, times: Ints) -> Active:
        """The fault at each of ``times [n]``."""
        since_first = times - (self.start + FIRST)
        number = since_first // self.every
        active = (since_first >= 0) & (since_first - number * self.every < LASTS)
        container = (number + self.seed) % self.containers
        kind = (number + number // self.containers) % len(Kind)
        return Active(np.where(active, container, -1), kind)
