"""The pool that outlives its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import wait
from pathlib import Path

import numpy as np
import pytest

from sentio.detectors.prophet import Prophet
from sentio.errors import WorkerDiedError
from sentio.executor import WorkerPool
from sentio.types import SECOND, Panel, SeriesKey, SeriesStatus
from tests.core import work


@pytest.fixture
def pool():
    with WorkerPool(2) as pool:
        yield pool


def test_tasks_are_done_and_their_errors_told(pool):
    assert [f.result() for f in [pool.submit(work.double, i) for i in range(9)]] == [2 * i for i in range(9)]
    with pytest.raises(ZeroDivisionError):
        pool.submit(work.divide, 1, 0).result()
    assert pool.pending == 0


def test_only_the_task_that_kills_its_worker_fails(pool):
    innocent = [pool.submit(work.slow_double, i) for i in range(6)]
    guilty = pool.submit(work.die)
    more = [pool.submit(work.slow_double, i) for i in range(6, 12)]
    assert [f.result(30) for f in [*innocent, *more]] == [2 * i for i in range(12)]
    with pytest.raises(WorkerDiedError, match=r"^die: its worker process was killed twice; see the memory limit$"):
        guilty.result(30)


def test_a_worker_that_is_killed_from_outside_costs_nothing(pool):
    futures = [pool.submit(work.slow_double, i) for i in range(4)]
    while not pool.processes:
        time.sleep(0.01)
    for process in pool.processes:
        os.kill(process, signal.SIGKILL)
    assert [f.result(30) for f in futures] == [0, 2, 4, 6]
    assert pool.submit(work.double, 4).result(30) == 8


def test_what_waits_can_be_called_off(pool):
    futures = [pool.submit(work.slow_double, i) for i in range(40)]
    for future in futures:
        future.cancel()
    wait(futures, timeout=10)
    assert all(f.done() for f in futures)
    assert pool.submit(work.double, 1).result(10) == 2


def test_a_shutdown_is_quick_and_leaves_nothing(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(4):
        pool.submit(work.sleep_with_a_child, 60)
    while len(pool.processes) < 2 or len(list(tmp_path.glob("sentio-work-*/*"))) < 2:
        time.sleep(0.01)
    children = [int(p.read_text()) for p in tmp_path.glob("sentio-work-*/*") if p.read_text()]
    started = time.monotonic()
    pool.shutdown(wait=False, cancel_futures=True)
    assert time.monotonic() - started < 5
    assert list(tmp_path.iterdir()) == []
    for child in children:
        assert not _runs(child)


def test_workers_end_with_a_killed_parent(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    program = subprocess.Popen([sys.executable, "-m", "tests.core.work", str(tmp_path)], env=environment)
    while not (tmp_path / "worker").exists() or not (tmp_path / "worker").read_text():
        time.sleep(0.02)
    worker = int((tmp_path / "worker").read_text())
    assert _runs(worker)
    program.kill()
    program.wait()
    for _ in range(200):
        if not _runs(worker):
            break
        time.sleep(0.02)
    assert not _runs(worker)


def test_what_a_killed_parent_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, own = tmp_path / f"sentio-work-{gone.pid}-x", tmp_path / "sentio-work-1-x"
    left.mkdir()
    own.mkdir()
    with WorkerPool(1) as pool:
        pool.submit(work.double, 1).result()
    assert not left.exists()
    assert own.exists()  # process 1 runs


def test_a_series_whose_fit_kills_its_worker_harms_no_other(pool, monkeypatch):
    """The whole of a fit, with a worker that dies for good in the middle of it."""
    monkeypatch.setattr("sentio.detectors.prophet.stan.fit_rows", work.fit_or_die)
    times = 900 * SECOND * np.arange(200, dtype=np.int64)
    rows = 10 + np.random.default_rng(1).normal(size=(12, 200))
    rows[5, 0] = work.DEADLY
    panel = Panel(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(12)), times, rows)
    state = Prophet(Prophet.Options(), pool).fit(panel)
    status = state["status"].tolist()
    assert status[:4] == status[8:] == [SeriesStatus.READY] * 4
    assert status[4:8] == [SeriesStatus.FAILED] * 4  # they shared a task
    assert state["detail"][5] == "fit_or_die: its worker process was killed twice; see the memory limit"


def _runs(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
