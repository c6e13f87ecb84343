"""The pool that outlives its workers."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

from sentio.detectors.prophet import Prophet
from sentio.errors import WorkerDiedError
from sentio.executor import WorkerPool
from sentio.state import SeriesStatus
from sentio.types import SECOND, Panel, SeriesKey
from tests.core import work
from tests.servers import PATIENCE_S, until


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
    assert [f.result(PATIENCE_S) for f in [*innocent, *more]] == [2 * i for i in range(12)]
    with pytest.raises(WorkerDiedError, match=r"^die: its worker process was killed twice; see the memory limit$"):
        guilty.result(PATIENCE_S)


def test_a_folder_that_somebody_tidied_away_is_there_again(pool):
    folder = Path(pool.submit(work.scratch_file).result(PATIENCE_S)).parent
    shutil.rmtree(folder)
    assert Path(pool.submit(work.scratch_file).result(PATIENCE_S)).parent == folder
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_worker_that_is_killed_from_outside_costs_nothing(pool):
    futures = [pool.submit(work.slow_double, i) for i in range(4)]
    while not pool.processes:
        time.sleep(0.01)
    for process in pool.processes:
        os.kill(process, signal.SIGKILL)
    assert [f.result(PATIENCE_S) for f in futures] == [0, 2, 4, 6]
    assert pool.submit(work.double, 4).result(PATIENCE_S) == 8


def test_what_waits_can_be_called_off(pool):
    futures = [pool.submit(work.slow_double, i) for i in range(40)]
    for future in futures:
        future.cancel()
    assert all(f.done() for f in futures)
    assert pool.submit(work.double, 1).result(PATIENCE_S) == 2


def test_a_shutdown_is_quick_and_leaves_nothing(pool, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in range(4):
        pool.submit(work.sleep_with_a_child, 60)
    while len(pool.processes) < 2 or len(list(tmp_path.glob("sentio-work-*/*"))) < 2:
        time.sleep(0.01)
    children = [int(p.read_text()) for p in tmp_path.glob("sentio-work-*/*") if p.read_text()]
    started = time.monotonic()
    pool.shutdown(wait=False, cancel_futures=True)
    assert time.monotonic() - started < 30, "what is under way takes twice as long"
    assert list(tmp_path.glob("sentio-work-*")) == []
    for child in children:
        _wait_for_end(child)  # what is killed is gone a moment later


def test_a_shutdown_ends_second_chances_too(pool, tmp_path):
    told = tmp_path / "told"
    future = pool.submit(work.die_then_sleep, str(told))
    while not told.exists() or not told.read_text():
        time.sleep(0.01)
    pool.shutdown(wait=False, cancel_futures=True)
    _wait_for_end(int(told.read_text()))
    with pytest.raises(BrokenProcessPool):
        future.result(PATIENCE_S)


def test_a_refused_task_is_not_pending():
    pool = WorkerPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="the worker pool is shut down"):
        pool.submit(work.double, 1)
    assert pool.pending == 0


@pytest.mark.parametrize("breaks", [2, 1000])
def test_a_pool_that_breaks_at_the_call_is_tried_again_a_few_times(pool, monkeypatch, breaks):
    submit, left = ProcessPoolExecutor.submit, [breaks]

    def broken_at_first(self, *args):
        left[0] -= 1
        if left[0] >= 0:
            raise BrokenProcessPool("gone")
        return submit(self, *args)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", broken_at_first)
    if breaks == 2:
        assert pool.submit(work.double, 1).result(PATIENCE_S) == 2
    else:
        with pytest.raises(BrokenProcessPool, match="gone"):
            pool.submit(work.double, 1)
        assert breaks - left[0] < 10
    assert pool.pending == 0


def test_a_task_that_hangs_is_ended_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with WorkerPool(2, limit_s=1) as pool:
        hung = pool.submit(work.sleep_with_a_child, 60)
        others = [pool.submit(work.slow_double, i) for i in range(12)]
        text = r"^sleep_with_a_child: it took longer than 1 s, twice; a smaller train\.max_points is expected$"
        with pytest.raises(WorkerDiedError, match=text):
            hung.result(PATIENCE_S)
        assert [f.result(PATIENCE_S) for f in others] == [2 * i for i in range(12)]
        children = [int(p.name) for p in tmp_path.glob("sentio-work-*/*") if p.name.isdigit()]
        assert len(children) == 2
        for child in children:
            _wait_for_end(child)


def test_workers_killed_before_a_full_queue_do_not_hold_the_exit():
    program = [sys.executable, "-m", "tests.core.work", "break-a-full-pool"]
    assert subprocess.run(program, timeout=2 * PATIENCE_S, check=False).returncode == 0


def test_workers_end_with_a_killed_parent(tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    program = subprocess.Popen([sys.executable, "-m", "tests.core.work", str(tmp_path)], env=environment)
    while not (tmp_path / "worker").exists() or not (tmp_path / "worker").read_text():
        time.sleep(0.02)
    worker = int((tmp_path / "worker").read_text())
    assert _runs(worker)
    program.kill()
    program.wait()
    _wait_for_end(worker)


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


def test_what_an_earlier_life_with_the_same_process_id_left_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"sentio-work-{os.getpid()}-x"
    left.mkdir()
    with WorkerPool(1) as first, WorkerPool(1) as second:
        first.submit(work.double, 1).result()
        assert not left.exists()
        second.submit(work.double, 1).result()
        assert len(list(tmp_path.glob("sentio-work-*"))) == 2  # the other pool's is no leftover


def test_a_series_whose_fit_kills_its_worker_harms_no_other(pool, monkeypatch):
    """The whole of a fit, with a worker that dies for good in the middle of it."""
    monkeypatch.setattr("sentio.detectors.prophet.stan.fit_rows", work.fit_or_die)
    times = 900 * SECOND * np.arange(200, dtype=np.int64)
    rows = 10 + np.random.default_rng(1).normal(size=(12, 200))
    rows[5, 0] = work.DEADLY
    panel = Panel(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(12)), times, rows)
    state = Prophet(Prophet.Options(engine="stan"), pool).fit(panel)
    status = state["status"].tolist()
    assert status[:4] == status[8:] == [SeriesStatus.READY] * 4
    assert status[4:8] == [SeriesStatus.FAILED] * 4  # they shared a task
    assert state["detail"][5] == "fit_or_die: its worker process was killed twice; see the memory limit"


def test_a_worker_computes_in_one_thread():
    """As many workers as there are cores, each with as many threads, would be in one another's way."""
    command = """
from sentio.executor import WorkerPool
from tests.core import work
from tests.servers import PATIENCE_S, until
if __name__ == "__main__":
    with WorkerPool(1) as pool:
        print(pool.submit(work.threads_of_a_product).result())
"""
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    found = subprocess.run([sys.executable, "-c", command], env=environ, capture_output=True, text=True, check=True)
    assert found.stdout == "0\n"


def test_what_a_task_was_given_is_let_go_with_it(pool):
    """Without the garbage collector: samples are large, and it comes when it likes."""
    gc.disable()
    try:
        given = np.ones(1000)
        kept = weakref.ref(given)
        task = pool.submit(np.sum, given)
        assert task.result() == 1000
        del given
        for _ in range(100):
            if kept() is None:
                break
            pool.submit(work.double, 1).result()  # the pool's threads hold their last task until the next one
            time.sleep(0.02)
        assert kept() is None
        assert task.done()
    finally:
        gc.enable()


def _wait_for_end(process: int) -> None:
    until(lambda: not _runs(process), PATIENCE_S, "its end")


def _runs(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
