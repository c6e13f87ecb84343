"""Alertmanager's API v2, spoken as Prometheus speaks it: what stands is repeated, what has ended is, for a while."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Self

from pydantic import Field

from sentio.client import Client, each
from sentio.config.access import Access
from sentio.config.delivery import Delivery
from sentio.config.durations import Duration
from sentio.config.options import LabelName, Url
from sentio.config.secrets import secret_texts
from sentio.errors import SinkError
from sentio.message import facts, page, plain, rfc3339, sentence, word
from sentio.reports import AlertLevel, Event, Report
from sentio.types import SECOND, SeriesKey

_PATH = "/api/v2/alerts"
_AT_ONCE = 256
"""Alerts of one request, as many as Prometheus sends."""
_HALVED = 32
"""Parts that are halved at most for one report: where each alert is refused, there would be no end of them."""
_REFUSED_FOR = 86_400 * SECOND
"""It is known so long which alerts were refused by themselves."""
_ENDED_FOR = 300 * SECOND
_OUTLIVES = 4
"""An alert ends by itself when it has not been repeated so many times."""
_LASTS = 2
"""It is repeated at once where it would end before so many reports have come, as where fewer come after a reload."""

Id = tuple[str, SeriesKey, AlertLevel]
"""Pipeline, series and level: to Alertmanager, an alert of another severity is another alert."""
Alert = tuple[Id, Event, int]
"""What is told of it, and when it ends, ns."""
Clock = Callable[[], int]


class Alertmanager:
    """A `sentio.contracts.Sink` that posts to each Alertmanager of a cluster, and keeps for each what it has."""

    every_report = True
    """Not only those with events, for what stands is repeated; and each with its ends, whatever ``send_resolved`` is,
    for what has ended is not."""

    class Options(Delivery, Access):
        """Which Alertmanagers, and what their alerts are labelled with."""

        urls: Annotated[tuple[Url, ...], Field(min_length=1)]
        alertname: str = "SentioAnomaly"
        labels: dict[LabelName, str] = Field(default_factory=dict)
        """Put on every alert; they win over those of the series."""
        resend_every: Duration = 60 * SECOND

        def apart(self) -> tuple[Self, ...]:
            return tuple(self.model_copy(update={"urls": (url,)}) for url in self.urls)

    def __init__(self, options: Options, clock: Clock = time.time_ns) -> None:
        self._peers = [_Peer(url, options, clock) for url in options.urls]

    def emit(self, report: Report) -> None:
        """Post what is due. Raises `SinkError` when one of them has not taken it; called again with the same report,
        it posts only what is left."""
        each(partial(peer.post, report) for peer in self._peers)


@dataclass(frozen=True, slots=True)
class _Told:
    """``at`` ns: of which ``event`` it was told, and until when that holds."""

    at: int
    event: Event
    until: int


class _Peer:
    """One Alertmanager, and what it was told: when, and of which event."""

    def __init__(self, url: str, options: Alertmanager.Options, clock: Clock) -> None:
        self._url, self._options, self._clock = url + _PATH, options, clock
        self._client = Client(url, options.timeout, access=options, secrets=secret_texts(options))
        self._told: dict[Id, _Told] = {}
        self._ended: dict[Id, tuple[int, Event]] = {}
        self._refused: dict[Id, int] = {}

    def post(self, report: Report) -> None:
        now = self._clock()
        self._forget(now)
        until = now + _OUTLIVES * max(self._options.resend_every, report.every)
        stands = [(id_, event, until) for id_, event in self._note(report, now).items()]
        self._post([*self._begun_anew(report, stands), *self._due(report, stands, now)], now)

    def _post(self, due: list[Alert], now: int) -> None:
        """In parts. One that is refused, for one alert in it or for its size, is halved, so that the others go out, and
        those that were refused by themselves come last the next time. Raises the first refusal then, and any other
        `SinkError` at once: it would be the same for each part."""
        due.sort(key=lambda alert: alert[0] in self._refused)
        parts = deque(due[first : first + _AT_ONCE] for first in range(0, len(due), _AT_ONCE))
        halved, refusals = 0, list[SinkError]()
        while parts:
            part = parts.popleft()
            try:
                self._client.post(self._url, json.dumps([self._alert(*alert) for alert in part]).encode())
            except SinkError as error:
                if error.reason != "refused":
                    raise
                if len(part) > 1 and halved < _HALVED:
                    half, halved = len(part) // 2, halved + 1
                    # In their order: the end of an alert goes out before the next one begins.
                    parts.extendleft((part[half:], part[:half]))
                    continue
                if len(part) == 1:
                    self._refused[part[0][0]] = now
                refusals.append(error)
                continue
            self._told.update({id_: _Told(now, event, ends_at) for id_, event, ends_at in part})
            for id_, _, _ in part:
                self._refused.pop(id_, None)
        if refusals:
            raise refusals[0]

    def _note(self, report: Report, now: int) -> dict[Id, Event]:
        """What stands after ``report``; what it ends is put with what has ended."""
        for id_, event in self._ends(report).items():
            if self._ended.get(id_, (0, None))[1] is not event:
                self._ended[id_] = (now, event)
        stands = _stands(report)
        for id_ in stands:
            self._ended.pop(id_, None)
        return stands

    def _ends(self, report: Report) -> dict[Id, Event]:
        """What has ended in ``report``, though it may stand again after it; of what did so twice, the last end."""
        return {
            (report.pipeline, event.key, event.level_from): event
            for event in report.events
            if event.level_from and (event.level_to or self._options.send_resolved)
        }

    def _begun_anew(self, report: Report, stands: Iterable[Alert]) -> Iterator[Alert]:
        """Ends of what stands again after ``report`` as another alert, whose beginning was not told yet: Alertmanager
        would take the two for one."""
        ends = self._ends(report)
        for id_, event, _ in stands:
            end, told = ends.get(id_), self._told.get(id_)
            if end and end.since != event.since and not (told and told.event is event):
                yield id_, end, end.at

    def _due(self, report: Report, stands: Iterable[Alert], now: int) -> Iterator[Alert]:
        """Of what has ended and of what ``stands``, what is to be told now."""
        changed, lasting = set(map(id, report.events)), now + _LASTS * report.every
        for id_, (_, event) in self._ended.items():
            ended = id_, event, event.at
            if id_[0] == report.pipeline and self._is_due(ended, changed, now):
                yield ended
        yield from (alert for alert in stands if self._is_due(alert, changed, now, lasting))

    def _is_due(self, alert: Alert, changed: set[int], now: int, lasting: int = 0) -> bool:
        """Whether it is news that were not told yet, was told long enough ago, or ends before ``lasting``."""
        id_, event, _ = alert
        told = self._told.get(id_)
        if told is None or told.until < lasting:
            return True
        news = id(event) in changed and told.event is not event
        return news or now - told.at >= self._options.resend_every

    def _forget(self, now: int) -> None:
        """What has ended long enough ago, and what has not been repeated, or refused again, since."""
        self._ended = {id_: (at, event) for id_, (at, event) in self._ended.items() if now - at < _ENDED_FOR}
        age = max(_ENDED_FOR, 2 * self._options.resend_every)
        self._told = {id_: told for id_, told in self._told.items() if now - told.at < age}
        self._refused = {id_: at for id_, at in self._refused.items() if now - at < _REFUSED_FOR}

    def _alert(self, id_: Id, event: Event, ends_at: int) -> dict[str, object]:
        alias, _, level = id_
        o = self._options
        link = page(o.external_url, alias, event)
        ours = {"alertname": o.alertname, "severity": level.word, "metric": event.key.name or alias, "query": alias}
        about = {"summary": f"{word(event)}: {plain(str(event.key))}", "description": sentence(event), **facts(event)}
        return {
            "labels": _labels(event.key.labels, {**ours, **o.labels}),
            "annotations": {name: text for name, text in about.items() if text},
            "startsAt": rfc3339(event.since),
            "endsAt": rfc3339(max(ends_at, event.since)),
            **({"generatorURL": link} if link else {}),
        }


def _stands(report: Report) -> dict[Id, Event]:
    """What stands after ``report``. A series that has changed more than once is at the level of its last event."""
    last = {event.key: event for event in report.events}
    stands = dict[Id, Event]()
    for event in (*last.values(), *report.firing):
        if event.level_to:
            stands.setdefault((report.pipeline, event.key, event.level_to), event)
    return stands


def _labels(own: Iterable[tuple[str, str]], ours: dict[str, str]) -> dict[str, str]:
    """Ours, and those of the series: with ``exported_`` before a name that is taken, as on ``/metrics``."""
    labels = dict(ours)
    for given, value in own:
        name = re.sub(r"[^a-zA-Z0-9_]", "_", given)
        prefix = "_" if name[:1].isdigit() else ""
        while prefix + name in labels:
            prefix = f"exported_{prefix}"
        labels[prefix + name] = value
    return labels
