"""Where heavy work runs: a pool of processes that outlives the death of any of its workers.

The standard library's pool is dead for good once one worker is killed, and every task then under way fails,
the innocent with the guilty. `WorkerPool` starts a new pool and gives those tasks a second chance, each alone in
a pool of its own: the one that kills its worker again is the one at fault, and only that one fails.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from sentio.errors import WorkerDiedError

T = TypeVar("T")
_PREFIX = "sentio-work-"


class WorkerPool(Executor):
    """``workers`` processes (None: one for each CPU), started at the first task.

    Tasks are picklable functions of a module. Temporary files that they leave behind go with the pool.
    """

    def __init__(self, workers: int | None = None, preload: tuple[str, ...] = ()) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._preload = list(preload)
        self._second_chances = threading.BoundedSemaphore(self._workers)
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._scratch: Path | None = None
        self._closed = False
        self.pending = 0
        """Tasks that wait or are under way."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        result: Future[T] = Future()
        with self._lock:
            self.pending += 1
        result.add_done_callback(self._one_less)
        self._start(result, self._current(), fn, args, kwargs, again=True)
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            pool, scratch, self._pool = self._pool, self._scratch, None
        if pool:
            if not wait:
                _kill(pool)
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers that run now."""
        pool = self._pool
        return tuple(pool._processes or ()) if pool else ()

    def _one_less(self, _done: Future[Any]) -> None:
        with self._lock:
            self.pending -= 1

    def _current(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker pool is shut down")
            if self._pool is None:
                if self._scratch is None:
                    _sweep()
                    self._scratch = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
                self._pool = self._new(self._workers)
            return self._pool

    def _new(self, workers: int) -> ProcessPoolExecutor:
        # forkserver: this process has threads, and a fork of those may hang; a fork of the server, which has
        # the heavy imports done, takes milliseconds.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(self._preload)
        return ProcessPoolExecutor(workers, context, initializer=_prepare, initargs=(str(self._scratch),))

    def _start(
        self,
        result: Future[T],
        pool: ProcessPoolExecutor,
        fn: Callable[..., T],
        args: Any,
        kwargs: Any,
        again: bool,
    ) -> None:
        try:
            inner = pool.submit(fn, *args, **kwargs)
        except (BrokenProcessPool, RuntimeError):
            # It broke, or was replaced, between our look and our call.
            self._discard(pool)
            inner = self._current().submit(fn, *args, **kwargs)

        def done(finished: Future[T]) -> None:
            if finished.cancelled():
                result.cancel()
                return
            error = finished.exception()
            if isinstance(error, BrokenProcessPool) and not self._closed:
                self._discard(pool)
                # Not here: this is the broken pool's own thread, which others may be waiting for.
                threading.Thread(
                    target=self._alone if again else _give_up, args=(result, fn, args, kwargs), daemon=True
                ).start()
            elif error is not None:
                _settle(result, error=error)
            else:
                _settle(result, value=finished.result())

        inner.add_done_callback(done)
        result.add_done_callback(lambda r: inner.cancel() if r.cancelled() else None)

    def _alone(self, result: Future[T], fn: Callable[..., T], args: Any, kwargs: Any) -> None:
        with self._second_chances:
            if self._closed or result.cancelled():
                result.cancel()
                return
            pool = self._new(1)
            try:
                _settle(result, value=pool.submit(fn, *args, **kwargs).result())
            except BrokenProcessPool:
                _give_up(result, fn, args, kwargs)
            except BaseException as error:  # noqa: BLE001 # it belongs to whoever waits for the result
                _settle(result, error=error)
            finally:
                pool.shutdown(wait=False)

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None
        pool.shutdown(wait=False)


def _settle(result: Future[Any], value: Any = None, error: BaseException | None = None) -> None:
    if result.cancelled():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(value)


def _give_up(result: Future[Any], fn: Callable[..., Any], _args: Any, _kwargs: Any) -> None:
    _settle(
        result,
        error=WorkerDiedError(f"{fn.__name__}: its worker process was killed twice; see the memory limit"),
    )


def _prepare(scratch: str) -> None:
    """In a new worker: a group of its own, so that it can be ended together with the programs that it starts,
    at the latest when the parent has died; and stray files belong in the pool's folder."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tempfile.tempdir = scratch
    os.environ["TMPDIR"] = scratch


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid or 0, signal.SIGKILL)


def _sweep() -> None:
    """Remove what pools of killed processes left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
