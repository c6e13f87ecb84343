"""Memory that is free goes back to the system. In a process of its own, for it is the process's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sentio import held
from sentio.executor import WorkerPool

pytestmark = pytest.mark.skipif(held._library() is None, reason="another C library than glibc")

_RUN = """\
import sys
import numpy as np
from sentio.held import give_back, hold_little

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def freed(size):
    # Twice: glibc learns from what is freed the first time. What stays lies behind what goes.
    for _ in range(2):
        arrays = [np.ones(size) for _ in range(100_000_000 // (8 * size))]
        last, most = arrays[-1], resident()
        del arrays
    return last, most - resident()

if sys.argv[1] == "held":
    hold_little()
large, of_large = freed(250_000)
small, of_small = freed(60_000)
before = resident()
give_back()
print(of_large, of_small, before - resident())
"""


def megabytes(how: str) -> tuple[float, ...]:
    done = subprocess.run([sys.executable, "-c", _RUN, how], capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def test_large_arrays_give_their_room_back_and_small_ones_when_they_are_asked():
    of_large, of_small, given = megabytes("held")
    assert of_large > 80
    assert of_small < 20
    assert given > 80


def freed() -> float:
    """Megabytes that go back to the system of 100 in large arrays. Twice: glibc learns from the first that is freed."""

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096 / 1e6

    for _ in range(2):
        arrays = [np.ones(250_000) for _ in range(50)]
        last, most = arrays[-1], resident()
        del arrays
    assert len(last)
    return most - resident()


def test_a_worker_gives_it_back_once_it_has_fitted():
    pool = WorkerPool(1)
    try:
        assert pool.submit(freed).result() > 80
    finally:
        pool.shutdown()


def test_without_that_large_arrays_keep_it():
    of_large, _, given = megabytes("not")
    assert of_large < 20
    assert given > 80
