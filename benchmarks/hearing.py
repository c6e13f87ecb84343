"""Receivers of alerts that keep what they took, and when; each can be made to misbehave for a while."""

from __future__ import annotations

import hashlib
import html
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import requests
from aiosmtpd.controller import Controller

from tests.faulty import Behaviour, Connection, FaultyServer, Request, answer, text
from tests.servers import LOOPBACK, free_port
from tests.sinks.alertmanagers import AlertmanagerProcess

FIRING, RESOLVED = "firing", "resolved"

_GOOD = answer(text("ok"))
_FORWARD_S = 5
_NEXT_S = 10
_TOLD = re.compile(r'\*?(?:<b>)?(\w+)(?:</b>|\*).*?\bi="(\w+)".*?since: (\S+ \S+) UTC', re.DOTALL)
"""In a block of Slack's, and in a row of a mail's table: the level, the series, the beginning."""


@dataclass(frozen=True, slots=True, order=True)
class News:
    """That an alert has begun, or has ended: its series, and when it began, in seconds."""

    series: str
    since: int
    word: str


@dataclass(frozen=True, slots=True)
class Message:
    """What was taken at once. ``identity`` is the same where it is the same message once more."""

    at: float
    identity: str
    news: tuple[News, ...]


class Receiver:
    """``taken``: what it heard; ``refused``: attempts that it did not take; ``back``: when it was well again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken: list[Message] = []
        self.refused = 0
        self.back = 0.0

    def take(self, identity: str, news: Iterable[News]) -> None:
        self.taken.append(Message(time.time(), identity, tuple(news)))

    def first(self) -> dict[News, float]:
        """When each was heard first, in that order."""
        found: dict[News, float] = {}
        for message in list(self.taken):
            for one in message.news:
                found.setdefault(one, message.at)
        return found


Read = Callable[[Request], tuple[str, Iterable[News]]]


class Web(Receiver):
    """An HTTP server; ``read`` gives a request's identity and news."""

    def __init__(self, name: str, read: Read) -> None:
        super().__init__(name)
        self._read = read
        self._failing: Behaviour | None = None
        self._held: tuple[threading.Event, threading.Event] | None = None
        self.server = FaultyServer(self._answer)

    def fail(self, status: int, **headers: str) -> None:
        self._failing = answer(text("not now"), status, **headers)

    def recover(self) -> None:
        self._failing, self.back = None, time.time()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Within it, the next message has been taken, and not been answered yet."""
        self._held = taken, go_on = threading.Event(), threading.Event()
        taken.wait(_NEXT_S)
        try:
            yield
        finally:
            self._held = None
            go_on.set()

    def _answer(self, request: Request, connection: Connection) -> None:
        if len(request.body) < int(request.headers["content-length"]):
            return  # its sender was killed in the middle of it
        if self._failing:
            self.refused += 1
            self._failing(request, connection)
            return
        self._well(request, connection)

    def _well(self, request: Request, connection: Connection) -> None:
        self.take(*self._read(request))
        if self._held:
            taken, go_on = self._held
            taken.set()
            go_on.wait(_NEXT_S)
        _GOOD(request, connection)


class Gate(Web):
    """In front of a real Alertmanager: keeps what that has taken. Both are up, or both are down."""

    def __init__(self, name: str, process: AlertmanagerProcess) -> None:
        super().__init__(name, _alerts)
        self.process = process

    def down(self) -> None:
        self.server.down()
        self.process.stop()

    def up(self) -> None:
        self.process.start()
        self.server.up()
        self.back = time.time()

    def standing(self) -> set[tuple[str, int]]:
        """Series and beginning of what the Alertmanager says stands."""
        return {(alert["labels"]["i"], _seconds(alert["startsAt"])) for alert in self.process.alerts()}

    def _well(self, request: Request, connection: Connection) -> None:
        kind = {"Content-Type": request.headers["content-type"]}
        url = self.process.url + request.path
        said = requests.post(url, data=request.body, headers=kind, timeout=_FORWARD_S)
        if said.ok:
            self.take(*self._read(request))
        answer(text(said.content), said.status_code)(request, connection)


class Mail(Receiver):
    """An SMTP server, or on the same port one that lets everybody in and says nothing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.port = free_port()
        self._controller: Controller | None = None
        self._tarpit: socket.socket | None = None

    def up(self) -> None:
        self._close()
        self._controller = Controller(self, hostname=LOOPBACK, port=self.port)
        self._controller.start()
        self.back = time.time()

    def tarpit(self) -> None:
        """Connections come about, for the kernel sees to that, and nobody greets."""
        self._close()
        self._tarpit = socket.create_server((LOOPBACK, self.port), backlog=1024)

    def _close(self) -> None:
        if self._controller:
            self._controller.stop(no_assert=True)
            self._controller = None
        if self._tarpit:
            self.refused += _waiting(self._tarpit)
            self._tarpit.close()
            self._tarpit = None

    @contextmanager
    def running(self) -> Iterator[None]:
        self.up()
        try:
            yield
        finally:
            self._close()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 # the library's name
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        page = mail.get_body(("html",))
        assert page is not None
        rows = html.unescape(page.get_content()).split("<tr>")[1:]
        self.take(mail["Message-ID"], map(_told, rows))
        return "250 OK"


def _waiting(listener: socket.socket) -> int:
    """How many came while nobody looked."""
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def webhook(request: Request) -> tuple[str, list[News]]:
    """What Sentio's webhook says."""
    events = json.loads(request.body)["events"]
    return request.headers["idempotency-key"], [
        News(event["labels"]["i"], _seconds(event["since"]), FIRING if event["level_to"] != "ok" else RESOLVED)
        for event in events
    ]


def slack(request: Request) -> tuple[str, list[News]]:
    """The same of Slack's blocks. It has no identity of its own: the same text is the same message."""
    blocks = json.loads(request.body)["blocks"]
    news = [_told(block["text"]["text"]) for block in blocks if block["type"] == "section"]
    return hashlib.sha256(request.body).hexdigest(), news


def _alerts(request: Request) -> tuple[str, list[News]]:
    now = time.time()
    return "", [
        News(
            alert["labels"]["i"],
            _seconds(alert["startsAt"]),
            FIRING if datetime.fromisoformat(alert["endsAt"]).timestamp() > now else RESOLVED,
        )
        for alert in json.loads(request.body)
    ]


def _told(said: str) -> News:
    found = _TOLD.search(said)
    assert found, said
    level, series, since = found.groups()
    began = datetime.strptime(since, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return News(series, int(began.timestamp()), RESOLVED if level == RESOLVED else FIRING)


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
