"""Runs scenarios as a user does, in a folder of their own, and sees what is left of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.servers import PATIENCE_S, until

END_S = PATIENCE_S
PROGRAMS = ("stress-ng", "fio")


def need_load() -> None:
    """Skips the test, saying what is lacking."""
    for program in PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH; on Debian: apt-get install {program}")


@dataclass(frozen=True)
class Process:
    """One that runs, as /proc tells it."""

    pid: int
    session: int
    line: list[str]
    environ: bytes

    @property
    def program(self) -> str:
        return self.line[0]


def processes() -> Iterator[Process]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            environ = (folder / "environ").read_bytes()
            line = (folder / "cmdline").read_text("utf-8", "replace").rstrip("\0").split("\0")
            session = int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[3])
            yield Process(int(folder.name), session, line, environ)


class Place:
    """A copy of what `run_io.sh` needs, a folder for temporary files, and a mark for the processes of this test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        shutil.copytree(ROOT / "scenarios", self.folder / "scenarios")
        shutil.copy(ROOT / "run_io.sh", self.folder)
        (self.folder / ".venv").symlink_to(Path(sys.executable).parent.parent)
        self.mark = f"SENTIO_TEST={uuid.uuid4()}"
        name, value = self.mark.split("=")
        self.environ = {**os.environ, name: value, "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        self._files = self.files()
        self._sessions: set[int] = set()

    def write(self, name: str, text: str) -> None:
        """A scenario of the test's own."""
        (self.folder / f"scenarios/{name}.yaml").write_text(text)
        self._files = self.files()

    def files(self) -> set[Path]:
        return {*self.folder.rglob("*"), *self.temporary.rglob("*")}

    def processes(self) -> list[Process]:
        """Those of the test: the marked ones, and all in their sessions. (stress-ng writes over the environment.)"""
        running = list(processes())
        self._sessions |= {one.session for one in running if self.mark.encode() in one.environ}
        return [one for one in running if one.session in self._sessions]

    def loads(self, program: str) -> list[Process]:
        """The test's processes of that program."""
        return [one for one in self.processes() if one.program.startswith(program)]

    def start(self, *command: str) -> subprocess.Popen[str]:
        """In a process group of its own, as a terminal does it."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=END_S,
            check=False,
            start_new_session=True,
        )

    def nothing_is_left(self) -> None:
        assert self.files() == self._files
        until(lambda: not self.processes(), 5, f"still running: {self.processes()}")

    def close(self) -> None:
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def sentio(*arguments: str) -> Sequence[str]:
    return (sys.executable, "-m", "sentio", "scenario", *arguments)


def programs(folder: Path, *names: str) -> str:
    """A ``PATH`` that has only these."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    return str(folder)


@contextlib.contextmanager
def place(folder: Path) -> Iterator[Place]:
    made = Place(folder)
    try:
        yield made
    finally:
        made.close()
