"""One ASGI application, served from a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from sentio.errors import SentioError

_log = logging.getLogger(__name__)

_START_S = 10.0
"""How long an application may take to begin serving."""
_GRACE_S = 1
"""How long a request under way may take to end once the server is told to stop."""
_KEEP_ALIVE_S = 75
"""Above the pace of whoever asks again and again: uvicorn's own 5 s would close a connection just as a client
that asks every 5 s takes it up again."""
_STOP_S = 5.0
"""How long the thread may take to end. What still hangs then ends with the process."""


class ServerError(SentioError):
    """The server could not listen, or its application did not start."""


class Server:
    """Serves ``app`` on ``host:port``; port 0 lets the system choose, and `port` says which it was.

    It is started once. Signals and the logging set-up it leaves alone: those belong to the program.
    """

    def __init__(self, app: ASGIApp, host: str = "127.0.0.1", port: int = 0, name: str = "web") -> None:
        self.host = host
        self.port = port
        self._name = name
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=_GRACE_S,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._ended: SystemExit | None = None

    @property
    def address(self) -> str:
        """``host:port``, an IPv6 host in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def start(self) -> None:
        """Returns once requests are answered. Raises `ServerError`."""
        self._socket = self._listen()
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, args=(self._socket,), name=self._name, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise ServerError(
                    f"server {self._name}: the application did not start within {_START_S:g} s; the log says why"
                ) from self._ended
            time.sleep(0.005)

    def stop(self) -> None:
        """Ends the requests under way and joins the thread; nothing to do when it is not running."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_S)
            if self._thread.is_alive():
                _log.warning("server %s: did not end within %g s; a request hangs", self._name, _STOP_S)
            self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _run(self, listening: socket.socket) -> None:
        try:
            self._uvicorn.run(sockets=[listening])
        except SystemExit as error:  # what uvicorn makes of an application that cannot start
            self._ended = error

    def _listen(self) -> socket.socket:
        # Bound here and not by uvicorn, which would end the whole program when the port is taken.
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            listener = socket.create_server((self.host, self.port), family=family, backlog=2048)
        except OSError as error:
            # Python writes the address into the system's text; it is in ours already.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error
            raise ServerError(
                f"server {self._name}: cannot listen on {self.address}: {why}; "
                "name a free port and an address of this machine"
            ) from error
        # asyncio does so only for sockets that it has made: without it, an answer on a connection that is kept may
        # wait 40 ms for the acknowledgement of the one before.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
