"""Load in containers, over the API of the Docker Engine."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

from sentio.scenario.loader import LoadError, arguments
from sentio.scenario.timeline import Idle, Piece, Stop, Stress

_CALL_S = 10.0
_END_S = 10.0
_AGAIN_S = 0.3
_STOP_S = 3
"""How long a container may take to end by itself."""

_DEFAULT = "unix:///var/run/docker.sock"

# What it says goes to the container's log: nobody reads the answer of a program that runs on.
_LOAD = ["sh", "-c", 'exec load "$@" 2>/proc/1/fd/2', "load"]
_UNLOAD = ["sh", "-c", 'cd "$STATE_DIR" && rm -f "$@"', "unload"]
# In the container's own time, which may not be that of this machine.
_IDLE = ["sh", "-c", 'echo $(($(date +%s) + $1)) >"${STATE_DIR:?}/idle"', "idle"]


class Containers:
    """Runs ``load`` inside of them, tells their base load to rest, stops and starts them."""

    def __init__(self) -> None:
        self._client: Any = None
        # Two runs may load one container; neither may end the pieces of the other.
        self._run = uuid.uuid4().hex[:8]
        self._execs: dict[str, str] = {}
        self._on: dict[str, Piece] = {}

    def prepare(self, containers: Iterable[str]) -> None:
        address = os.environ.get("DOCKER_HOST") or _DEFAULT
        try:
            self._client = docker.from_env(timeout=_CALL_S)
        except (DockerException, requests.RequestException) as error:
            raise LoadError(
                f"docker: {address} cannot be reached ({_reason(error)}); a Docker Engine that runs and that you may "
                "use is expected, at DOCKER_HOST or that socket; --local puts the load on this machine instead"
            ) from error
        with _translated("docker"):
            running = sorted(name.lstrip("/") for one in self._api.containers() for name in one["Names"])
        for name in sorted(containers):
            if name not in running:
                there = f"those that run are {', '.join(running)}" if running else "none runs"
                raise LoadError(
                    f"container {name}: does not run; {there}; start the stack, or name another with --container"
                )

    def begin(self, piece: Piece) -> None:
        self._on[piece.name] = piece
        with _translated(f"container {piece.container}"):
            match piece.what:
                case Stress():
                    self._execs[piece.name] = self._exec(
                        piece.container, [*_LOAD, *arguments(self._id(piece), piece, piece.what)]
                    )
                case Idle():
                    self._rest(piece)
                case Stop():
                    self._api.stop(piece.container, timeout=_STOP_S)

    def end(self, pieces: Sequence[Piece]) -> None:
        ending = [self._on.pop(piece.name) for piece in pieces if piece.name in self._on]
        failed: list[LoadError] = []
        for container in dict.fromkeys(piece.container for piece in ending):
            try:
                with _translated(f"container {container}"):
                    self._end_in(container, [piece for piece in ending if piece.container == container])
            except LoadError as error:
                failed.append(error)  # the others are ended all the same
        if failed:
            raise failed[0]

    def _rest(self, piece: Piece) -> None:
        """Have the base load of a container rest. Raises `LoadError` where it has none that could."""
        container = piece.container
        exec_id = self._exec(container, [*_IDLE, str(int(piece.seconds) + 1)])
        deadline = time.monotonic() + _CALL_S
        while (state := self._api.exec_inspect(exec_id))["Running"] and time.monotonic() < deadline:
            time.sleep(_AGAIN_S)
        if state["Running"] or state["ExitCode"] != 0:
            raise LoadError(
                f"container {container}: has no base load that could rest; one that is built from scenarios/workload "
                "is expected"
            )

    def check(self) -> None:
        for name, exec_id in self._execs.items():
            container = self._on[name].container
            with _translated(f"container {container}"):
                state = self._api.exec_inspect(exec_id)
            if not state["Running"]:
                raise LoadError(_gone(container, state["ExitCode"]))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def _api(self) -> Any:
        return self._client.api

    def _id(self, piece: Piece) -> str:
        return f"{self._run}-{piece.name}"

    def _exec(self, container: str, command: list[str]) -> str:
        exec_id: str = self._api.exec_create(container, command, stdout=False, stderr=False)["Id"]
        self._api.exec_start(exec_id, detach=True)
        return exec_id

    def _end_in(self, container: str, pieces: list[Piece]) -> None:
        if any(isinstance(piece.what, Stop) for piece in pieces):
            self._api.start(container)
        files = [self._id(piece) for piece in pieces if isinstance(piece.what, Stress)]
        files += ["idle" for piece in pieces if isinstance(piece.what, Idle)]
        execs = [self._execs.pop(piece.name) for piece in pieces if piece.name in self._execs]
        deadline = time.monotonic() + _END_S
        # Again and again: a load that has only just begun makes its file a moment later.
        while files:
            try:
                execs.append(self._exec(container, [*_UNLOAD, *files]))
            except APIError as error:
                if error.status_code in (404, 409):
                    return  # the container does not run, and nothing in it
                raise
            time.sleep(_AGAIN_S)
            execs = [exec_id for exec_id in execs if self._runs(exec_id)]
            if not execs:
                return
            if time.monotonic() > deadline:
                raise LoadError(
                    f"container {container}: its load has not ended within {_END_S:g} s; it ends by itself with its "
                    "phase, or at once with docker restart"
                )

    def _runs(self, exec_id: str) -> bool:
        try:
            return bool(self._api.exec_inspect(exec_id)["Running"])
        except NotFound:  # its container was started anew, or is gone
            return False


@contextlib.contextmanager
def _translated(where: str) -> Iterator[None]:
    """What Docker's client raises, as `LoadError`."""
    try:
        yield
    except NotFound as error:
        raise LoadError(f"{where}: is gone; it is expected to stay as long as the scenario runs") from error
    except (DockerException, requests.RequestException) as error:
        raise LoadError(f"{where}: {_reason(error)}; docker ps and docker logs say more") from error


def _gone(container: str, code: int | None) -> str:
    if code in (126, 127):
        wrong = "has no program load"
        return f"container {container}: {wrong}; one that is built from scenarios/workload is expected"
    wrong = f"its load has ended by itself with exit code {code}"
    return f"container {container}: {wrong}; docker logs {container} says why"


def _reason(error: Exception) -> str:
    """In few words: the system's, where it comes from there, else the engine's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = next((arg for arg in cause.args if isinstance(arg, BaseException)), None) or cause.__cause__
    said = error.explanation if isinstance(error, APIError) else None
    return " ".join(str(said or error).split())
