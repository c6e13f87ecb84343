"""Load on this machine, by the same program that loads containers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sentio.scenario.loader import LoadError, arguments
from sentio.scenario.timeline import Piece, Stress

CONTAINER = "local"
"""What this machine is called in the truth."""

_PROGRAMS = ("stress-ng", "fio")
_END_S = 5.0


class Local:
    """A process a piece, each in a session of its own: what interrupts Sentio does not reach it, Sentio ends it."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._folder = Path(tempfile.mkdtemp(prefix="sentio-scenario-"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def prepare(self, _: Iterable[str], /) -> None:
        if not self._script.is_file():
            raise LoadError(f"{self._script}: is no file; the program that puts load on is expected there (see --dir)")
        lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
        if lacking:
            wrong = " and ".join(lacking)
            raise LoadError(f"{wrong}: not on PATH; install it, on Debian: apt-get install {' '.join(lacking)}")

    def begin(self, piece: Piece) -> None:
        if not isinstance(piece.what, Stress):
            raise LoadError(f"{piece.name}: idle and stop need a container; a scenario without them is expected")
        command = ["sh", str(self._script), *arguments(piece.name, piece, piece.what)]
        environ = {**os.environ, "STATE_DIR": str(self._state), "WORK_DIR": str(self._folder / "files")}
        self._running[piece.name] = subprocess.Popen(  # noqa: S603 -- no shell, our own arguments
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, env=environ
        )

    def end(self, pieces: Sequence[Piece]) -> None:
        ending = [self._running.pop(piece.name) for piece in pieces if piece.name in self._running]
        for process in ending:
            process.terminate()
        for process in ending:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def check(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                raise LoadError(
                    f"{name}: the load has ended by itself with exit code {process.returncode}; "
                    "it is expected to last as long as its phase"
                )

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _state(self) -> Path:
        return self._folder / "state"
