"""How the benchmarks of quality ask for a false-alarm budget, and what they share."""

from __future__ import annotations

import sys
import time

from sentio.config.model import DAY
from sentio.evaluation.settings import Settings

BUDGETS = {"1/day": 1.0, "1/week": 1 / 7}
"""What is asked for → false alarms a series and day."""


def asking(budget: str | None, train_every: int = DAY) -> Settings:
    """A pipeline with every default, but so many false alarms; None for as many as it gives by default."""
    changes = () if budget is None else (f"judgement.false_alarms={budget}",)
    return Settings(changes=changes, train_every=train_every)


class Progress:
    """A line on standard error that is written anew, where that is a terminal."""

    def __init__(self, what: str) -> None:
        self._what, self._began = what, time.monotonic()

    def __call__(self, of_what: str, done: int, of: int) -> None:
        """``done`` of ``of`` are."""
        if sys.stderr.isatty():
            text = f"\r\x1b[K{self._what}: {done} of {of} {of_what}, {time.monotonic() - self._began:.0f} s"
            print(text, end="\n" if done == of else "", file=sys.stderr, flush=True)
