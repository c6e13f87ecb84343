"""The executor over a Dask cluster: real schedulers and workers, some of which are killed."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from sentio import __version__, build
from sentio.config.load import load
from sentio.dask.cluster import ClusterAwayError
from sentio.dask.pool import DaskPool
from sentio.detectors.prophet import Prophet
from sentio.errors import WorkerDiedError
from sentio.executor import WorkerPool
from sentio.state import SeriesStatus
from sentio.types import SECOND, Panel, SeriesKey
from tests.dask import work
from tests.dask.cluster import DaskCluster
from tests.same import assert_same_arrays
from tests.servers import PATIENCE_S, until

ENGINES = ("stan", "batch")
LEAST = {"growth": "flat", "yearly_seasonality": False, "weekly_seasonality": False}
WORKERS = 2


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.start()
        for _ in range(WORKERS):
            cluster.add_worker(nanny=True)
        yield cluster


@pytest.fixture(scope="module")
def pool(cluster: DaskCluster) -> Iterator[DaskPool]:
    with DaskPool(cluster.address) as pool:
        until(lambda: able(pool) == WORKERS, 30, "the workers are there")
        yield pool


def able(pool: DaskPool) -> int:
    """How many workers it could use; there is one task, or it would not look for them."""
    if pool._thread is None:
        pool.submit(work.double, 1)
    return sum(seat.fit for seat in list(pool._cluster._seats.values()))


def test_tasks_are_done_and_their_errors_told(pool: DaskPool) -> None:
    assert [f.result(PATIENCE_S) for f in [pool.submit(work.double, i) for i in range(20)]] == [
        2 * i for i in range(20)
    ]
    with pytest.raises(ZeroDivisionError):
        pool.submit(work.divide, 1, 0).result(PATIENCE_S)
    with pytest.raises(Exception, match=r"^CannotBeReadError: it failed$"):
        pool.submit(work.raise_what_cannot_be_read).result(PATIENCE_S)
    with pytest.raises(Exception, match="pickle"):
        pool.submit(work.give_what_cannot_be_sent).result(PATIENCE_S)
    with pytest.raises(Exception, match="pickle"):
        pool.submit(lambda: None)
    until(lambda: pool.pending == 0, 1, "the last one is counted")


def test_no_worker_has_two_tasks_at_once(pool: DaskPool) -> None:
    began = time.monotonic()
    done = [pool.submit(work.nap, 0.2) for _ in range(3 * WORKERS)]
    assert pool.pending == 3 * WORKERS
    assert len({f.result(PATIENCE_S) for f in done}) == WORKERS
    assert time.monotonic() - began >= 0.6


def test_the_arrays_are_those_of_the_process_pool(cluster: DaskCluster, tmp_path: Path) -> None:
    times = 900 * SECOND * np.arange(120, dtype=np.int64)
    rows = 10 + np.random.default_rng(1).normal(size=(8, 120))
    rows[1], rows[2, 10:] = 7.0, np.nan
    panel = Panel(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(8)), times, rows)
    file = tmp_path / "sentio.yml"
    states = []
    for executor in (f"{{type: dask, scheduler: '{cluster.address}'}}", "{workers: 2}"):
        file.write_text(
            "sources: {p: {type: prometheus, url: 'http://x'}}\n"
            "defaults: {source: p, query: m}\n"
            "pipelines: {a: {detector: {engine: stan}}, b: {detector: {engine: batch}}}\n"
            f"executor: {executor}\n"
        )
        with build.executor(load([file], {})) as pool:
            assert isinstance(pool, DaskPool if "dask" in executor else WorkerPool)
            states.append([Prophet(Prophet.Options(engine=engine, **LEAST), pool).fit(panel) for engine in ENGINES])
    ready = [SeriesStatus.READY] * 5
    for there, here in zip(*states, strict=True):
        assert here["status"].tolist() == [SeriesStatus.READY, SeriesStatus.CONSTANT, SeriesStatus.LEARNING, *ready]
        assert there.keys == here.keys
        assert_same_arrays(there.arrays, here.arrays)


def test_a_worker_that_is_killed_costs_its_task_one_retry(pool: DaskPool, tmp_path: Path) -> None:
    told = str(tmp_path / "told")
    task, others = pool.submit(work.hang_the_first_time, told), [pool.submit(work.slow_double, i) for i in range(8)]
    (worker,) = until(lambda: work.runs(told), 10, "it has begun")
    os.kill(worker, signal.SIGKILL)
    assert task.result(PATIENCE_S) == 2
    assert [f.result(PATIENCE_S) for f in others] == [2 * i for i in range(8)]


def test_only_the_task_that_kills_its_workers_fails(pool: DaskPool, tmp_path: Path) -> None:
    until(lambda: able(pool) == WORKERS, 30, "the last test's is replaced")
    told = str(tmp_path / "told")
    innocent = [pool.submit(work.slow_double, i) for i in range(6)]
    guilty = pool.submit(work.die, told)
    more = [pool.submit(work.slow_double, i) for i in range(6, 12)]
    said = r"^die: its worker was lost twice, the last time tcp://127\.0\.0\.1:\d+; see its log and memory limit$"
    with pytest.raises(WorkerDiedError, match=said):
        guilty.result(PATIENCE_S)
    assert [f.result(PATIENCE_S) for f in [*innocent, *more]] == [2 * i for i in range(12)]
    assert len(work.runs(told)) == 2, "Dask itself would have let it kill four"
    assert len(set(work.runs(told))) == 2
    until(lambda: pool.pending == 0, 1, "the last one is counted")


def test_a_worker_that_is_asked_to_go_is_no_fault_of_its_task(
    cluster: DaskCluster, pool: DaskPool, tmp_path: Path
) -> None:
    until(lambda: able(pool) == WORKERS, 30, "the last test's are replaced")
    told = str(tmp_path / "told")
    extra = cluster.add_worker()
    until(lambda: able(pool) == WORKERS + 1, 20, "one more is there")
    naps = [pool.submit(work.nap, 1) for _ in range(WORKERS)]
    task = pool.submit(work.hang_the_first_time, told)
    (worker,) = until(lambda: work.runs(told), 10, "it has begun")
    with Client(cluster.address, set_as_default=False) as client:
        processes = client.run(os.getpid)
        client.retire_workers([address for address, process in processes.items() if process == worker])
    assert task.result(PATIENCE_S) == 2
    assert [f.result(PATIENCE_S) > 0 for f in naps] == [True] * WORKERS
    extra.kill()


def test_a_task_that_takes_too_long_fails_and_its_worker_gets_nothing_else(
    cluster: DaskCluster, pool: DaskPool
) -> None:
    until(lambda: able(pool) == WORKERS, 30, "the last test's are replaced")
    with DaskPool(cluster.address, limit_s=2) as strict:
        until(lambda: able(strict) == WORKERS, 20, "the workers are there")
        late = strict.submit(work.nap, 8)
        said = r"^nap: it took longer than 2 s on tcp://\S+; a smaller train\.max_points is expected$"
        with pytest.raises(WorkerDiedError, match=said):
            late.result(PATIENCE_S)
        assert able(strict) == WORKERS - 1
        assert len({f.result(PATIENCE_S) for f in [strict.submit(work.nap, 0.05) for _ in range(4)]}) == 1
        until(lambda: able(strict) == WORKERS, 20, "it has ended there, and its worker is used again")


def test_what_waits_can_be_called_off(pool: DaskPool) -> None:
    futures = [pool.submit(work.nap, 0.3) for _ in range(40)]
    for future in futures:
        future.cancel()
    assert all(f.done() for f in futures)
    assert pool.submit(work.double, 1).result(PATIENCE_S) == 2
    until(lambda: pool.pending == 0, 1, "the last one is counted")


def test_a_worker_that_lacks_sentio_or_has_another_one_is_not_used(
    cluster: DaskCluster, caplog: pytest.LogCaptureFixture
) -> None:
    without = cluster.add_worker(preload="import sys; sys.modules['sentio'] = None")
    other = cluster.add_worker(preload="import sentio; sentio.__version__ = '0.0.1'")
    older = cluster.add_worker(preload="import importlib.metadata as m; m.version = lambda name: '0.1 of ' + name")
    right = "the packages that Sentio has here are expected there"
    expected = [
        r"it cannot import what tasks need \(ModuleNotFoundError: .*sentio.*\)",
        rf"it has sentio 0\.0\.1 in place of {__version__}",
        r"it has numpy 0\.1 of numpy in place of [\d.]+",
    ]
    try:
        with DaskPool(cluster.address, packages=("numpy",)) as pool:
            until(lambda: able(pool) == WORKERS, 30, "the workers are there")
            until(lambda: len(pool._cluster._said) == 3, 30, "the others are refused")
            assert len({f.result(PATIENCE_S) for f in [pool.submit(work.nap, 0.1) for _ in range(10)]}) == WORKERS
    finally:
        for process in (without, other, older):
            process.kill()
    for why in expected:
        said = rf"^executor {cluster.address}: worker tcp://127\.0\.0\.1:\d+ is not used: {why}; {right}$"
        assert any(re.match(said, message) for message in caplog.messages), caplog.messages


def test_a_module_that_tasks_need_is_looked_for_first(cluster: DaskCluster, caplog: pytest.LogCaptureFixture) -> None:
    with DaskPool(cluster.address, ("no_such_module",), patience_s=1.5) as pool:
        said = (
            rf"^executor {cluster.address}: has no worker that can be used; one with sentio {__version__} is expected$"
        )
        with pytest.raises(ClusterAwayError, match=said):
            pool.submit(work.double, 1).result(PATIENCE_S)
        why = "(ModuleNotFoundError: No module named 'no_such_module')"
        until(lambda: any(why in message for message in caplog.messages), 10, "it is said")


def test_a_scheduler_that_is_away_comes_and_goes_and_comes_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentio.dask.cluster._CONNECT_S", 3.0)
    caplog.set_level("INFO", "sentio.dask")
    monkeypatch.setattr("sentio.dask.cluster._SILENT_S", 6.0)
    with DaskCluster(tmp_path, allowed_failures=0) as cluster, DaskPool(cluster.address) as pool:
        where, right = f"executor {cluster.address}", "a Dask scheduler that answers is expected"
        whys = ("Connection refused", "the connection is lost", "it does not answer")
        away, lost, silent = (f"{where}: cannot be used ({why}); {right}" for why in whys)
        with pytest.raises(ClusterAwayError, match=f"^{re.escape(away)}$"):
            pool.submit(work.double, 1).result(PATIENCE_S)
        assert not doubled(pool)
        assert caplog.messages == [away], "it is said once"
        # Not failed series, which would wait for the next training: the tick fails, and is tried again at the next.
        with pytest.raises(ClusterAwayError):
            Prophet(Prophet.Options(), pool).fit(Panel((SeriesKey("m"),), np.arange(9), np.ones((1, 9))))
        cluster.start()
        cluster.add_worker()
        until(lambda: doubled(pool), 20, "it is found")
        cluster.signal(signal.SIGSTOP)
        until(lambda: not doubled(pool), 10, "it says nothing")
        cluster.signal(signal.SIGCONT)
        until(lambda: doubled(pool), 20, "it speaks again")
        told = str(tmp_path / "told")
        under_way = [pool.submit(work.hang_the_first_time, told) for _ in range(2)]
        until(lambda: work.runs(told), 10, "one is under way")
        cluster.stop()
        for task in under_way:
            with pytest.raises(ClusterAwayError, match=f"^{re.escape(lost)}$"):
                task.result(PATIENCE_S)
        assert not doubled(pool)
        cluster.start()
        cluster.add_worker()
        until(lambda: doubled(pool), 20, "it is found again")
        # Dask itself would not try it again: of no failure that is allowed, this is the first.
        once = pool.submit(work.hang_the_first_time, once_told := str(tmp_path / "once"))
        (worker,) = until(lambda: work.runs(once_told), 10, "one is under way")
        os.kill(worker, signal.SIGKILL)
        cluster.add_worker()
        assert once.result(PATIENCE_S) == 2
    again = f"{where}: works again"
    retried = f"{where}: a worker was lost with hang_the_first_time under way, which is tried once more"
    outages: list[list[str]] = [[]]
    for text in caplog.messages:
        if text == again:
            outages.append([])
        else:
            outages[-1].append(text)
    assert [why in said for why, said in zip((away, silent, lost, retried), outages, strict=True)] == [True] * 4
    assert all(len(set(said)) == len(said) for said in outages), "each is said once, until it works again"


def doubled(pool: DaskPool) -> bool:
    try:
        return pool.submit(work.double, 1).result(PATIENCE_S) == 2
    except ClusterAwayError:
        return False


def test_what_is_at_the_address_may_be_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentio.dask.cluster._CONNECT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        for scheme, why in (("tcp", "it does not answer"), ("tls", "TypeError: TLS expects")):
            pool = DaskPool(f"{scheme}://{address}")
            said = rf"^executor {scheme}://{address}: cannot be used \({why}.*\); a Dask scheduler that answers is"
            with pytest.raises(ClusterAwayError, match=said):
                pool.submit(work.double, 1).result(PATIENCE_S)
            pool.shutdown(wait=False)


def test_a_shutdown_is_quick(cluster: DaskCluster) -> None:
    pool = DaskPool(cluster.address)
    until(lambda: able(pool) == WORKERS, 30, "the workers are there")
    tasks = [pool.submit(work.nap, 2 * PATIENCE_S) for _ in range(5)]
    until(lambda: all(seat.task for seat in list(pool._cluster._seats.values())), 10, "they are under way")
    pool.shutdown(wait=False, cancel_futures=True)
    for task in tasks:
        with pytest.raises(CancelledError):
            task.result(PATIENCE_S)
    assert pool._thread
    pool._thread.join(PATIENCE_S)
    assert not pool._thread.is_alive()
    with pytest.raises(RuntimeError, match=r"^the Dask executor is shut down$"):
        pool.submit(work.double, 1)
    until(lambda: pool.pending == 0, 1, "the last one is counted")


def test_a_shutdown_waits_for_nobody_who_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pool = DaskPool(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        waiting = pool.submit(work.double, 1)
        pool.shutdown(wait=False)
        with pytest.raises(CancelledError):
            waiting.result(PATIENCE_S)
    DaskPool("tcp://127.0.0.1:1").shutdown()  # nothing was asked of it yet
