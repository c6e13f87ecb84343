"""What each receiver heard, held against what was announced, and that against what the series did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.hearing import FIRING, RESOLVED, Message, News, Receiver

_SEEN_S = 15
"""How long after a series goes high its alert may begin: Sentio is away for a while at the kill. Less than the time
between two alerts of a series."""
_NOTED_S = 1
"""How long before a kill a message may have been taken, to be under way then: what follows a sending is one write."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A series that is high from ``start`` to ``end``, seconds since the epoch; None: for good."""

    series: str
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """Counts of news. ``strange``: heard and never announced; ``again``: more than once, as the protocol has it or the
    kill excuses; ``doubled``: more often than that; ``disordered``: series whose news came in another order.
    ``delay``: from the beginning of an alert to its news, at most, and ``caught_up`` from the receiver's return to the
    last that had waited, in seconds."""

    heard: int
    lost: int
    strange: int
    again: int
    doubled: int
    disordered: int
    delay: float
    caught_up: float | None


def misannounced(alerts: Iterable[Alert], announced: Iterable[News]) -> tuple[set[tuple[Alert, str]], set[News]]:
    """What the series did and nobody was told of, and what was told that they did not do."""
    missing: set[tuple[Alert, str]] = set()
    left = set(announced)
    for alert in alerts:
        begun = (one.since for one in left if one.series == alert.series and one.word == FIRING)
        since = next((at for at in begun if 0 <= at - alert.start < _SEEN_S), -1)
        for word in (FIRING,) if alert.end is None else (FIRING, RESOLVED):
            one = News(alert.series, since, word)
            if one in left:
                left.remove(one)
            else:
                missing.add((alert, word))
    return missing, left


def account(receiver: Receiver, announced: Mapping[News, float], killed: float, *, repeats: bool) -> Account:
    """``repeats``: that what stands, and what has ended, is sent again is the protocol."""
    first = receiver.first()
    again, doubled = _repeated(receiver.taken) if repeats else _twice(receiver.taken, killed)
    waited = [at for one, at in first.items() if announced.get(one, receiver.back) < receiver.back <= at]
    return Account(
        heard=len(first),
        lost=len(announced.keys() - first.keys()),
        strange=len(first.keys() - announced.keys()),
        again=again,
        doubled=doubled,
        disordered=_disordered(first),
        delay=max((at - one.since for one, at in first.items() if one.word == FIRING), default=0.0),
        caught_up=max(waited) - receiver.back if waited else None,
    )


def standing(announced: Iterable[News]) -> set[tuple[str, int]]:
    """Series and beginning of the alerts that have not ended."""
    counts = Counter((one.series, one.since) for one in announced)
    return {which for which, count in counts.items() if count == 1}


def _twice(taken: Iterable[Message], killed: float) -> tuple[int, int]:
    """Those that the kill excuses, because they were under way then, and the others."""
    messages: dict[News, list[Message]] = {}
    for message in taken:
        for one in message.news:
            messages.setdefault(one, []).append(message)
    more = [its for its in messages.values() if len(its) > 1]
    excused = sum(_excused(its, killed) for its in more)
    return excused, sum(len(its) - 1 for its in more) - excused


def _excused(its: list[Message], killed: float) -> bool:
    before, after = its[0], its[-1]
    under_way = before.at < killed < min(after.at, before.at + _NOTED_S)
    return len(its) == 2 and under_way and before.identity == after.identity


def _repeated(taken: Iterable[Message]) -> tuple[int, int]:
    """What was sent again, and how much of that fires again after its end."""
    heard: set[News] = set()
    again = doubled = 0
    for one in (one for message in taken for one in message.news):
        if one in heard:
            again += 1
        if one.word == FIRING and News(one.series, one.since, RESOLVED) in heard:
            doubled += 1
        heard.add(one)
    return again - doubled, doubled


def _disordered(first: Iterable[News]) -> int:
    series: dict[str, list[News]] = {}
    for one in first:
        series.setdefault(one.series, []).append(one)
    return sum(its != sorted(its) for its in series.values())
