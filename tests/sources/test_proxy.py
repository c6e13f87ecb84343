"""The deadline of a call, where the way to the server is another than straight."""

from __future__ import annotations

import socket
import time

import pytest
import requests
import urllib3

from sentio.errors import DeadlineExceededError
from sentio.http import StraightSession, WatchedAdapter, fetch, watched
from tests.faulty import Behaviour, answer, drip_body, drip_headers, matrix, text
from tests.servers import until

from .conftest import MakeServer

PLAIN = "http://prometheus.invalid/api"


@pytest.fixture
def session() -> requests.Session:
    made = StraightSession()
    made.mount("http://", WatchedAdapter())
    made.mount("https://", WatchedAdapter())
    return made


def use_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, url)


@pytest.mark.parametrize(
    ("behave", "url"),
    [
        (drip_headers(matrix()), PLAIN),
        (drip_body(matrix()), PLAIN),
        (drip_headers(matrix()), "https://prometheus.invalid/api"),
    ],
    ids=["headers", "body", "the tunnel"],
)
def test_the_deadline_holds_through_a_proxy(
    behave: Behaviour, url: str, session: requests.Session, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_proxy(monkeypatch, server(behave).url)
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError):
        fetch(session, "GET", url, timeout=0.5, max_bytes=1 << 20)
    assert time.monotonic() - started < 20, "far less than what drips would take"


def test_an_answer_comes_through_a_proxy_twice(
    session: requests.Session, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = server(answer(text(b"fine")))
    use_proxy(monkeypatch, there.url)
    for _ in range(2):
        assert fetch(session, "GET", PLAIN, timeout=60, max_bytes=99).body == b"fine"


def test_a_connection_that_comes_too_late_is_not_used(
    session: requests.Session, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = server(answer(text(b"fine")))
    plain, made = urllib3.util.connection.create_connection, []

    def late(*args, **kwargs) -> socket.socket:
        until(lambda: watch.fired, 1, "its time is up")
        made.append(plain(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(urllib3.util.connection, "create_connection", late)
    with pytest.raises(requests.ConnectTimeout, match="before it was connected"), watched(0.1) as watch:
        session.get(there.url)
    (sock,) = made
    assert sock.fileno() == -1, "closed"
    assert there.requests == []
