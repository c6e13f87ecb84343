"""A Prometheus that misbehaves on demand, over real sockets: raw enough to break off anywhere.

A `Body` is what a good server would say; a `Behaviour` is how it is said, or what is done in its place.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl

import numpy as np

from tests.servers import free_port

_LOOPBACK = "127.0.0.1"
DRIP_S = 0.05
_TLS_HELLO = b"\x16"


@dataclass(frozen=True)
class Request:
    """What arrived; header names in lower case, ``at`` on the monotonic clock."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("ascii"), keep_blank_values=True))

    @property
    def grid(self) -> list[int]:
        """The times that a range query asks for, in milliseconds, as a Prometheus reads them."""
        start, end, step = (round(float(self.form[name]) * 1000) for name in ("start", "end", "step"))
        return list(range(start, end + 1, step))


class Connection:
    """One client's socket, and a way to wait that ends with the server."""

    def __init__(self, sock: socket.socket, ended: threading.Event) -> None:
        self.sock = sock
        self._ended = ended
        self.open = True

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def wait(self, seconds: float) -> None:
        self._ended.wait(seconds)

    def reset(self) -> None:
        """A RST in place of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.open = False
        self.sock.close()


Behaviour = Callable[[Request, Connection], None]
Body = Callable[[Request], bytes]
Value = Callable[[float], object]
"""The sample at so many seconds since the epoch; None for none."""


@dataclass(frozen=True)
class OneSeries:
    """``labels`` with ``__name__`` among them; ``more`` is put beside ``metric`` and ``values``."""

    labels: dict[str, str]
    value: Value
    more: dict[str, object] = field(default_factory=dict)

    def json(self, grid: Iterable[int]) -> dict[str, object]:
        values = [[ms / 1000, str(v)] for ms in grid if (v := self.value(ms / 1000)) is not None]
        return {"metric": self.labels, **({"values": values} if values else {}), **self.more}


def wave(level: float, seed: int = 0) -> Value:
    """Noise around ``level``, within ±1.5: the same on every read, and never an anomaly to a 99 % band, whichever part
    of it is read."""
    noise = np.clip(np.random.default_rng(seed).normal(size=4096), -1.5, 1.5)
    return lambda t: level + float(noise[int(t) % 4096])


# What is said.


def matrix(*series: OneSeries, **more: object) -> Body:
    """A range query's answer; ``more`` goes beside its ``data``, as ``warnings`` do."""

    def body(request: Request) -> bytes:
        rows = [row for s in series if "values" in (row := s.json(request.grid)) or s.more]
        return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": rows}, **more}).encode()

    return body


def text(said: str | bytes) -> Body:
    return lambda _: said if isinstance(said, bytes) else said.encode()


def refusal(error: str, kind: str = "bad_data") -> Body:
    """Prometheus's own error format."""
    return text(json.dumps({"status": "error", "errorType": kind, "error": error}))


# How it is said.


def answer(body: Body, status: int = 200, **headers: str) -> Behaviour:
    """The whole answer; ``Content_Type="…"`` is a header. The connection stays open."""

    def behave(request: Request, connection: Connection) -> None:
        said = body(request)
        connection.send(_head(status, {"Content-Length": str(len(said)), **headers}) + said)

    return behave


def gzipped(body: Body) -> Behaviour:
    return answer(lambda request: gzip.compress(body(request)), Content_Encoding="gzip")


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other; the last one stays."""
    waiting = list(behaviours)

    def behave(request: Request, connection: Connection) -> None:
        (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request, connection)

    return behave


def slow(seconds: float, then: Behaviour) -> Behaviour:
    def behave(request: Request, connection: Connection) -> None:
        connection.wait(seconds)
        then(request, connection)

    return behave


def drip_headers(body: Body) -> Behaviour:
    """A byte now and then from the first one on: each arrives long before any timeout per receive."""
    return lambda request, connection: _drip(connection, _head(200, {"X-Pad": "x" * 4096}) + body(request))


def drip_body(body: Body) -> Behaviour:
    def behave(request: Request, connection: Connection) -> None:
        said = body(request)
        connection.send(_head(200, {"Content-Length": str(len(said))}))
        _drip(connection, said)

    return behave


def stall(body: Body, *, headers: bool) -> Behaviour:
    """Half of the body, whose length was not said, and then nothing; ``headers``: not even all of the headers."""

    def behave(request: Request, connection: Connection) -> None:
        said = body(request)
        head = _head(200, {"Connection": "close"})
        connection.send(head[:-2] if headers else head + said[: len(said) // 2])
        connection.wait(60)

    return behave


def break_off(body: Body, *, promised: bool, reset: bool = False) -> Behaviour:
    """Half of the body, then the end. ``promised``: the length said beforehand was that of all of it."""

    def behave(request: Request, connection: Connection) -> None:
        said = body(request)
        length = len(said) if promised else len(said) // 2
        connection.send(_head(200, {"Content-Length": str(length), "Connection": "close"}) + said[: len(said) // 2])
        if reset:
            connection.wait(DRIP_S)  # let what was sent arrive first: a RST overtakes it
            connection.reset()
        connection.close()

    return behave


def hang_up(_: Request, connection: Connection) -> None:
    """No word at all."""
    connection.close()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1")


def _drip(connection: Connection, data: bytes) -> None:
    for i in range(len(data)):
        connection.send(data[i : i + 1])
        connection.wait(DRIP_S)


class FaultyServer:
    """Listens on a free port of the loopback, each connection on a thread of its own; `requests` is what came."""

    def __init__(self, behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave
        self.requests: list[Request] = []
        self._tls = tls
        self._ended = threading.Event()
        self._listener: socket.socket | None = None
        self._connections: list[Connection] = []
        self._port = 0

    @property
    def ranges(self) -> list[Request]:
        """The range queries among the requests."""
        return [request for request in self.requests if request.path.endswith("/query_range")]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{_LOOPBACK}:{self._port}"

    def up(self) -> None:
        """Listens, on the same port as before."""
        self._ended = threading.Event()
        self._port = self._port or free_port()
        self._listener = socket.create_server((_LOOPBACK, self._port))
        threading.Thread(target=self._accept, args=(self._listener, self._ended), daemon=True).start()

    def down(self) -> None:
        """Nobody there any more: connections are refused, and those that were open are closed."""
        self._ended.set()
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)  # a mere close would not wake accept
            self._listener.close()
            self._listener = None
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def _accept(self, listener: socket.socket, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, ended), daemon=True).start()

    def _serve(self, sock: socket.socket, ended: threading.Event) -> None:
        # A client that gives up is what is being tested; it ends this thread, and nothing else.
        with contextlib.suppress(OSError, ssl.SSLError), sock:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            connection = Connection(sock, ended)
            self._connections.append(connection)
            with sock.makefile("rb") as stream:
                while connection.open and not ended.is_set() and (request := _receive(stream)):
                    self.requests.append(request)
                    self.behave(request, connection)


def _receive(stream: io.BufferedReader) -> Request | None:
    if stream.peek(1)[:1] == _TLS_HELLO:  # whose random bytes may look like a line, or never end one
        return None
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return Request(first[0], first[1], headers, body, time.monotonic())
