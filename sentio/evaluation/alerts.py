"""Alerts as spans of time, and what two runs over the same history have of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sentio.reports import AlertLevel, Event
from sentio.types import SeriesKey


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one series: from when to when (ns; ``until`` None where it stood at the end), the highest level that
    it reached, and what had brought it there. The type is the last that was told: a shift begins as a spike."""

    key: SeriesKey
    since: int
    until: int | None
    level: AlertLevel
    cause: str
    kind: str

    def overlaps(self, other: Alert) -> bool:
        """Whether both are of one series, and of one time."""
        return (
            self.key == other.key
            and (other.until is None or self.since <= other.until)
            and (self.until is None or other.since <= self.until)
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Alerts that only one of two runs has, and those of both as pairs."""

    first: tuple[Alert, ...]
    second: tuple[Alert, ...]
    both: tuple[tuple[Alert, Alert], ...]


def alerts_of(events: Iterable[Event]) -> list[Alert]:
    """The alerts that ``events``, in the order in which they came, tell of; in the order in which they began."""
    standing: dict[SeriesKey, Alert] = {}
    ended: list[Alert] = []
    for event in events:
        known = standing.get(event.key)
        if known is None:
            if event.level_to != AlertLevel.OK:
                standing[event.key] = Alert(event.key, event.since, None, event.level_to, event.cause, event.kind)
            continue
        known = replace(known, kind=event.kind or known.kind)
        if event.level_to == AlertLevel.OK:
            del standing[event.key]
            ended.append(replace(known, until=event.at))
        elif event.level_to > known.level:
            standing[event.key] = replace(known, level=event.level_to, cause=event.cause)
        else:
            standing[event.key] = known
    return sorted([*ended, *standing.values()], key=lambda alert: (alert.since, str(alert.key)))


def difference(first: Sequence[Alert], second: Sequence[Alert]) -> Difference:
    """Alerts of one series that overlap are the same one."""
    of_second: dict[SeriesKey, list[Alert]] = {}
    for alert in second:
        of_second.setdefault(alert.key, []).append(alert)
    both = [(one, other) for one in first for other in of_second.get(one.key, ()) if one.overlaps(other)]
    in_first, in_second = {id(one) for one, _ in both}, {id(other) for _, other in both}
    return Difference(
        tuple(alert for alert in first if id(alert) not in in_first),
        tuple(alert for alert in second if id(alert) not in in_second),
        tuple(both),
    )
