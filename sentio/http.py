"""A `requests` session whose calls keep one deadline and one size limit.

The timeouts of `requests` are per receive: a server that drips a byte now and then holds a one-second timeout
for as long as it likes. Here a watch is put on each call; when its time is up, it shuts the sockets of that
call down, and whatever receive is waiting ends at once. Redirects are refused: they would carry credentials to
a host nobody configured, and a POST would become a GET.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError

from sentio.deadline import remaining
from sentio.errors import DeadlineExceededError

_CHUNK = 1 << 16
_MOST = 3600.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: ``body`` decompressed."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes


class TooLargeError(Exception):
    """The answer is larger than the caller takes."""


class Watch:
    """Shuts the sockets of one call down when its time is up; ``fired`` says that it was."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._held: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(max(0.0, seconds), self._fire)
        self._timer.daemon = True

    def hold(self, sock: socket.socket) -> None:
        # A duplicate, because http.client lets go of a socket before its body is read, and TLS wraps another
        # object around it; the connection underneath is the same.
        copy = socket.socket(fileno=os.dup(sock.fileno()))
        with self._lock:
            self._held.append(copy)
            if self.fired:
                _shut(copy)

    def _fire(self) -> None:
        with self._lock:
            self.fired = True
            for sock in self._held:
                _shut(sock)

    def __enter__(self) -> Watch:
        _call.watch = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _call.watch = None
        with self._lock:
            for sock in self._held:
                sock.close()
            self._held.clear()


def _shut(sock: socket.socket) -> None:
    # Not connected any more is what was wanted.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Call(threading.local):
    watch: Watch | None = None


_call = _Call()


class _Watched:
    """Mixed into urllib3's connections: shows the watch every socket that its call uses."""

    sock: Any

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc] # HTTPConnection's, by the mix
        if _call.watch:
            _call.watch.hold(sock)
            # Resolving a name and connecting to one address after another cannot be shut down while they last.
            if _call.watch.fired:
                sock.close()
                raise ConnectTimeoutError(self, "the time for the call was up before it was connected")
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if _call.watch and self.sock is not None:
            _call.watch.hold(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc] # HTTPConnection's, by the mix


@functools.cache
def _watching(pool: Any) -> Any:
    """That kind of pool, with connections that the watch sees."""
    if issubclass(pool.ConnectionCls, _Watched):
        return pool
    connection = type(f"Watched{pool.ConnectionCls.__name__}", (_Watched, pool.ConnectionCls), {})
    return type(f"Watched{pool.__name__}", (pool,), {"ConnectionCls": connection})


class WatchedAdapter(HTTPAdapter):
    """The transport of a session that `fetch` is used with, straight or through a proxy; it never retries by itself."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        _watch_pools(manager)
        return manager


def _watch_pools(manager: Any) -> None:
    # From the manager's own kinds: those of a SOCKS proxy are not the plain ones.
    kinds = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _watching(kind) for scheme, kind in kinds.items()}


class StraightSession(requests.Session):
    """A session whose answers are those of the address that was asked: a redirect is handed back as it came."""

    def resolve_redirects(self, *_args: Any, **_kwargs: Any) -> Iterator[Any]:
        return iter(())


@contextlib.contextmanager
def watched(seconds: float) -> Iterator[Watch]:
    """What a library does inside, through a session with a `WatchedAdapter` or on sockets shown to `hold`, is cut off
    after ``seconds``, or what is left of the deadline around; it then raises what a broken connection raises."""
    with Watch(remaining(seconds)) as watch:
        yield watch


def hold(sock: socket.socket) -> None:
    """Show the watch around, if there is one, a socket that it is to shut down when the time is up."""
    if _call.watch:
        _call.watch.hold(sock)


def fetch(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeout: float = _MOST,
    max_bytes: int,
    **options: Any,
) -> Answer:
    """One request and its whole answer within ``timeout`` seconds, or what is left of the deadline around.

    Raises `DeadlineExceededError`, `TooLargeError` beyond ``max_bytes`` (after decompression), and
    `requests.RequestException` for whatever else goes wrong on the way.
    """
    left = remaining(timeout)
    if left <= 0:
        raise DeadlineExceededError("the time for the call was up before it was made")
    late = DeadlineExceededError(f"no complete answer within {left:.3g} s")
    with Watch(left) as watch:
        try:
            with session.request(method, url, stream=True, allow_redirects=False, timeout=left, **options) as response:
                answer = Answer(response.status_code, response.headers, _body(response, max_bytes))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if watch.fired or isinstance(error, requests.Timeout):
                raise late from error
            if isinstance(error, requests.RequestException):
                raise
            raise requests.ConnectionError(str(error)) from error
        if watch.fired:  # a socket that is shut ends the headers, and a body without a length, as if they were whole
            raise late
        return answer


def _body(response: requests.Response, max_bytes: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(_CHUNK):
        size += len(part)
        if size > max_bytes:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)
