"""Slack, by an incoming webhook. One takes no files, so a series is drawn with eight heights of a bar."""

from __future__ import annotations

import json

from sentio.client import Client
from sentio.config.delivery import Delivery
from sentio.config.options import SecretUrl
from sentio.config.secrets import secret_texts
from sentio.message import band, cut, facts, heading, left_out, page, plain, sentence, sparkline, subject, word, worst
from sentio.reports import AlertLevel, Event, Report

_HEADER, _SECTION = 150, 3000
"""Characters that Slack takes."""
_SIGNS = {
    AlertLevel.OK: ":white_check_mark:",
    AlertLevel.INFO: ":information_source:",
    AlertLevel.WARNING: ":warning:",
    AlertLevel.CRITICAL: ":rotating_light:",
}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})


class Slack:
    """A `sentio.contracts.Sink` that posts one message a report to a channel."""

    class Options(Delivery):
        """Where to."""

        url: SecretUrl
        """The incoming webhook: whoever has it can post, so it is a secret."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = Client("slack", options.timeout, secrets=secret_texts(options))

    def emit(self, report: Report) -> None:
        """Post the events of ``report``, if there are any. Raises `SinkError`."""
        if report.events:
            message = _message(report, self._options.external_url)
            self._client.post(self._options.url.get_secret_value(), json.dumps(message).encode())


def _message(report: Report, address: str | None) -> dict[str, object]:
    title = subject(report)
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(title, _HEADER), "emoji": False}}
    ]
    blocks += [_section(_about(event), page(address, report.pipeline, event)) for event in worst(report.events)]
    if more := left_out(report.events):
        blocks.append(_section(more))
    return {"text": title.translate(_ESCAPES), "blocks": blocks}


def _section(text: str, link: str = "") -> dict[str, object]:
    end = f"\n<{link.translate(_ESCAPES)}|Look at it>" if link else ""
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, _SECTION - len(end)) + end}}


def _about(event: Event) -> str:
    # Cut before they are escaped, so that no escape is.
    name = cut(plain(str(event.key)), 500).translate(_ESCAPES)
    said = cut(sentence(event), 1000).translate(_ESCAPES)
    lines = [f"{_SIGNS[event.level_to]} *{word(event)}* `{name}`", said]
    if drawn := sparkline(event.recent[0]):
        lines.append(f"`{drawn}`")
    known = facts(event)
    if "band" in known:
        known["expected"] = band(event)
    names = (name for name in ("value", "expected", "score", "cause", "since") if name in known)
    shown = (f"{heading(event, name)}: {known[name]}" for name in names)
    return "\n".join([*lines, cut(" · ".join(shown), 500).translate(_ESCAPES)])
