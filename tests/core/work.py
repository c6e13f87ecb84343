"""Tasks for the tests of the worker pool; they must be importable in its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sentio.detectors.prophet import stan

DEADLY = -12345.0
_real_fit = stan.fit_rows


def double(x: int) -> int:
    return 2 * x


def slow_double(x: int) -> int:
    time.sleep(0.2)
    return 2 * x


def divide(x: int, y: int) -> float:
    return x / y


def die() -> None:
    os._exit(9)


def sleep_with_a_child(seconds: int) -> None:
    child = subprocess.Popen(["sleep", str(seconds)])
    Path(tempfile.gettempdir(), str(child.pid)).write_text(str(child.pid))
    child.wait()


def fit_or_die(options, times, values):
    if (values == DEADLY).any():
        os._exit(9)
    return _real_fit(options, times, values)


def tell_and_sleep(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(600)


def die_then_sleep(path: str) -> None:
    """Kills its worker at first, and hangs the second time."""
    first = Path(path)
    if not first.exists():
        first.write_text("")
        os._exit(9)
    tell_and_sleep(path)


if __name__ == "__main__":
    from sentio.executor import WorkerPool

    WorkerPool(1).submit(tell_and_sleep, sys.argv[1] + "/worker").result()
