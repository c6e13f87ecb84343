"""A receiver of one's own: one POST of JSON a report. docs/configuration.md has the schema."""

from __future__ import annotations

import base64
import json
import math

from sentio.chart import png
from sentio.client import Client
from sentio.config.access import Access
from sentio.config.delivery import Delivery
from sentio.config.options import SecretUrl
from sentio.config.secrets import secret_texts
from sentio.message import identity, page, rfc3339, sentence, subject, worst
from sentio.reports import Event, Report

_VERSION = 1
_PICTURES = 5
"""Pictures of one message at most: each takes some 30 ms, and 20 kB."""


class Webhook:
    """A `sentio.contracts.Sink` that posts to an address of one's own."""

    class Options(Delivery, Access):
        """Where to, and how to be let in."""

        url: SecretUrl
        picture: bool = False
        """Whether the worst alerts carry a picture, a PNG in base64."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = Client("webhook", options.timeout, access=options, secrets=secret_texts(options))

    def emit(self, report: Report) -> None:
        """Post the events of ``report``, if there are any. Raises `SinkError`."""
        if not report.events:
            return
        body = json.dumps(self._payload(report), allow_nan=False).encode()
        # The same for every attempt: a receiver that has taken it already can let it go.
        self._client.post(self._options.url.get_secret_value(), body, **{"Idempotency-Key": identity(report)})

    def _payload(self, report: Report) -> dict[str, object]:
        address, alias = self._options.external_url, report.pipeline
        pictured = set(map(id, worst(report.events, _PICTURES))) if self._options.picture else set()
        return {
            "version": _VERSION,
            "pipeline": alias,
            "at": rfc3339(report.at),
            "subject": subject(report),
            "firing": report.standing,
            "events": [_event(e, page(address, alias, e), picture=id(e) in pictured) for e in report.events],
        }


def _event(event: Event, link: str, *, picture: bool) -> dict[str, object]:
    numbers = {name: getattr(event, name) for name in ("value", "yhat", "lower", "upper", "score")}
    drawn = {"picture": base64.b64encode(png(event)).decode()} if picture else {}
    return {
        "metric": event.key.name,
        "labels": dict(event.key.labels),
        "level_from": event.level_from.word,
        "level_to": event.level_to.word,
        "since": rfc3339(event.since),
        "at": rfc3339(event.at),
        "cause": event.cause,
        "kind": event.kind,
        "text": sentence(event),
        "page": link or None,
        **{name: float(value) if math.isfinite(value) else None for name, value in numbers.items()},
        **drawn,
    }
