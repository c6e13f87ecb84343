"""What alerts are asked for, as plain values. Durations are nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from sentio.types import SECOND


@dataclass(frozen=True, slots=True)
class Rule:
    """``when``: the expression that a level is reached by. ``reset``: the one that it is left by; empty where it is
    left once ``when`` has not held for some samples."""

    when: str
    reset: str = ""


@dataclass(frozen=True, slots=True)
class Flapping:
    """A series that has started or ended alerts ``changes`` times ``within`` ns is held."""

    changes: int
    within: int


@dataclass(frozen=True, slots=True)
class Rules:
    """A level without a rule is never reached.

    ``recovery``: samples at which ``when`` must not have held for its level to be left. ``snooze`` ns: how long
    after an alert no other begins for the series, unless it is of a higher level; 0 for none. ``max_age`` ns: the
    age at which an alert ends; None for never.
    """

    info: Rule | None = None
    warning: Rule | None = Rule("score > 1")
    critical: Rule | None = None
    recovery: int = 5
    snooze: int = 0
    flapping: Flapping | None = None
    max_age: int | None = None


def written(length: int) -> str:
    """Nanoseconds as a configuration has them: ``1h30m``."""
    left, text = length, ""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, size * SECOND)
        text += f"{count}{unit}" if count else ""
    return f"{text}{left / SECOND:.12g}s" if left or not text else text
