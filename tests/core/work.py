"""Tasks for the tests of the worker pool; they must be importable in its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sentio.__main__ import end
from sentio.detectors.prophet import stan
from sentio.executor import WorkerPool

DEADLY = -12345.0
_real_fit = stan.fit_rows


def double(x: int) -> int:
    return 2 * x


def slow_double(x: int) -> int:
    time.sleep(0.2)
    return 2 * x


def divide(x: int, y: int) -> float:
    return x / y


def scratch_file() -> str:
    with tempfile.NamedTemporaryFile() as file:
        return file.name


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


def sleep_with(_load: bytes) -> None:
    time.sleep(600)


def break_a_full_pool() -> None:
    """Kills the workers while more waits for them than a pipe holds, and ends as new ones begin."""
    with WorkerPool(2) as pool:
        for _ in range(8):
            pool.submit(sleep_with, b"." * 2**20)
        while len(pool.processes) < 2:
            time.sleep(0.01)
        time.sleep(0.5)  # both are at work, and the queue is full
        for worker in pool.processes:
            os.kill(worker, signal.SIGKILL)
        while pool.processes:
            time.sleep(0.01)
        pool.shutdown(wait=False, cancel_futures=True)


if __name__ == "__main__":
    if sys.argv[1] == "break-a-full-pool":
        break_a_full_pool()
        end(0)
    else:
        WorkerPool(1).submit(tell_and_sleep, sys.argv[1] + "/worker").result()


def threads_of_a_product() -> int:
    """Threads of this process that are not Python's, after a product of large matrices."""
    import numpy as np

    a = np.ones((600, 600))
    assert (a @ a)[0, 0] == 600
    return len(os.listdir("/proc/self/task")) - threading.active_count()
