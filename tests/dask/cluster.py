"""A Dask scheduler and workers, as they are started by hand: processes on the loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.docs.pages import ROOT
from tests.servers import LOOPBACK, free_port


class DaskCluster:
    """A scheduler at one address, which comes and goes, and its workers; what is left is killed at the end.

    ``allowed_failures``: Dask's own, how many more workers may die of a task.
    """

    def __init__(self, folder: Path, *, allowed_failures: int = 3) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._port = free_port()
        self.address = f"tcp://{LOOPBACK}:{self._port}"
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DASK_TEMPORARY_DIRECTORY": str(folder),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(allowed_failures),
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        arguments = ["--host", LOOPBACK, "--port", str(self._port), "--dashboard-address", f"{LOOPBACK}:0"]
        self._scheduler = self._run("dask_scheduler", *arguments, "--no-dashboard")

    def stop(self) -> None:
        """As `kill -9` does it."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send the scheduler a signal."""
        assert self._scheduler
        self._scheduler.send_signal(number)

    def add_worker(self, *, preload: str = "", nanny: bool = False) -> subprocess.Popen[bytes]:
        """One process that works; ``preload``: Python that it runs first. With a nanny, a killed one is replaced."""
        number = len(self._processes)
        arguments = [self.address, "--host", LOOPBACK, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
        arguments += [
            "--local-directory",
            str(self._folder / f"scratch-{number}"),
            "--nanny" if nanny else "--no-nanny",
        ]
        if preload:
            script = self._folder / f"preload_{number}.py"
            script.write_text(preload)
            arguments += ["--preload", str(script)]
        return self._run("dask_worker", *arguments)

    @property
    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("*.log")))

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
        with (self._folder / f"{len(self._processes)}-{program}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=self._environment, start_new_session=True
            )
        self._processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            _kill(process)
        for process in self._processes:
            process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has a session of its own, and its children are in it
        os.killpg(process.pid, signal.SIGKILL)
