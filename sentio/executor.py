"""Where heavy work runs: a pool of processes that outlives the death of any of its workers.

The standard library's pool is dead for good once one worker is killed, and every task then under way fails,
the innocent with the guilty. `WorkerPool` starts a new pool and gives those tasks a second chance, each alone in
a pool of its own: the one that kills its worker again is the one at fault, and only that one fails. A task that
takes too long ends its own worker, and so comes to the same.
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
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from sentio.errors import WorkerDiedError
from sentio.held import hold_little

T = TypeVar("T")
_PREFIX = "sentio-work-"
_ATTEMPTS = 5
"""A pool may break again and again between our look and our call; but not for ever."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What libraries of linear algebra ask how many threads to start, when they are loaded: a worker has one core."""
_ours: set[Path] = set()
"""The folders of this process's pools."""


class _Task:
    """A call, and where its worker notes each time that it took too long."""

    def __init__(self, fn: Callable[..., Any], args: Any, kwargs: Any, limit_s: float) -> None:
        self._call, self._limit_s = (fn, args, kwargs), limit_s
        self._note = f"late-{uuid.uuid4().hex}"

    def start(self, pool: ProcessPoolExecutor) -> Future[Any]:
        return pool.submit(_limited, self._limit_s, self._note, *self._call)

    def failure(self, scratch: Path) -> WorkerDiedError:
        """What to say once its worker was killed for the second time."""
        name, note = self._call[0].__name__, scratch / self._note
        if note.exists() and note.stat().st_size > 1:
            return WorkerDiedError(
                f"{name}: it took longer than {self._limit_s:g} s, twice; a smaller train.max_points is expected"
            )
        return WorkerDiedError(f"{name}: its worker process was killed twice; see the memory limit")


class WorkerPool(Executor):
    """``workers`` processes (None: one for each CPU), started at the first task.

    Tasks are picklable functions of a module, each of which may take ``limit_s``. Temporary files that they leave
    behind go with the pool.
    """

    def __init__(self, workers: int | None = None, preload: tuple[str, ...] = (), *, limit_s: float = 600.0) -> None:
        self._workers = workers or len(os.sched_getaffinity(0))
        self._preload = list(preload)
        self._limit_s = limit_s
        self._second_chances = threading.BoundedSemaphore(self._workers)
        self._lock = threading.RLock()
        self._pool: ProcessPoolExecutor | None = None
        self._alive: set[ProcessPoolExecutor] = set()
        self._scratch: Path | None = None
        self._closed = False
        self.pending = 0
        """Tasks that wait or are under way."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        result: Future[T] = Future()
        with self._lock:
            self.pending += 1
        result.add_done_callback(self._one_less)
        try:
            self._start(result, _Task(fn, args, kwargs, self._limit_s))
        except BaseException:
            result.cancel()
            raise
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._closed = True
            pools, self._alive, self._pool = self._alive, set(), None
            scratch, self._scratch = self._scratch, None
        for pool in pools:
            if not wait:
                _kill(pool)
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
            _ours.discard(scratch)

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
            if self._pool is None:
                self._pool = self._new(self._workers)
            return self._pool

    def _new(self, workers: int) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise RuntimeError("the worker pool is shut down")
            # forkserver: this process has threads, and a fork of those may hang; a fork of the server, which has
            # the heavy imports done, takes milliseconds.
            for name in _THREADS:
                os.environ.setdefault(name, "1")
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(self._preload)
            scratch = str(self._folder())
            pool = ProcessPoolExecutor(workers, context, initializer=_prepare, initargs=(scratch,))
            self._alive.add(pool)
            return pool

    def _folder(self) -> Path:
        if self._scratch is None:
            _sweep()
            self._scratch = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
            _ours.add(self._scratch)
        return self._scratch

    def _start(self, result: Future[T], task: _Task) -> None:
        pool, inner = self._started(task)

        def done(finished: Future[T]) -> None:
            if finished.cancelled():
                result.cancel()
                return
            error = finished.exception()
            if isinstance(error, BrokenProcessPool) and not self._closed:
                self._discard(pool)
                # Not here: this is the broken pool's own thread, which others may be waiting for.
                threading.Thread(target=self._alone, args=(result, task), daemon=True).start()
            elif error is not None:
                _settle(result, error=error)
            else:
                _settle(result, value=finished.result())

        # Weakly, or each would hold the other, and the samples of the task, until Python looks for such garbage.
        weakly = weakref.ref(inner)

        def pass_on(outer: Future[T]) -> None:
            under_way = weakly()
            if outer.cancelled() and under_way is not None:
                under_way.cancel()

        inner.add_done_callback(done)
        result.add_done_callback(pass_on)

    def _started(self, task: _Task) -> tuple[ProcessPoolExecutor, Future[Any]]:
        for _ in range(_ATTEMPTS - 1):
            pool = self._current()
            try:
                return pool, self._begin(pool, task)
            except RuntimeError:
                # It broke, or was replaced, between our look and our call.
                self._discard(pool)
        pool = self._current()
        return pool, self._begin(pool, task)

    def _begin(self, pool: ProcessPoolExecutor, task: _Task) -> Future[Any]:
        future = task.start(pool)
        if self._closed:  # a moment ago, when this worker could not be seen yet
            _kill(pool)
        return future

    def _alone(self, result: Future[T], task: _Task) -> None:
        with self._second_chances:
            if self._closed or result.cancelled():
                result.cancel()
                return
            pool = None
            try:
                pool = self._new(1)
                _settle(result, value=self._begin(pool, task).result())
            except BrokenProcessPool as error:
                scratch = self._scratch
                _settle(result, error=task.failure(scratch) if scratch else error)
            except BaseException as error:  # noqa: BLE001 # it belongs to whoever waits for the result
                _settle(result, error=error)
            finally:
                if pool:
                    self._discard(pool)

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            self._alive.discard(pool)
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


def _limited(limit_s: float, note: str, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
    """In a worker, which knows best when the task began: do it, or end this worker and what it has started."""
    with contextlib.suppress(OSError):  # what needs the folder says so itself
        # Whoever tidies the system's temporary folder may have taken it, and each later task would fail.
        Path(tempfile.gettempdir()).mkdir(mode=0o700, exist_ok=True)
    timer = threading.Timer(limit_s, _end_late, (note,))
    timer.daemon = True
    timer.start()
    try:
        return fn(*args, **kwargs)
    finally:
        timer.cancel()


def _end_late(note: str) -> None:
    with contextlib.suppress(OSError), Path(tempfile.gettempdir(), note).open("a") as file:
        file.write("!")
    os.killpg(0, signal.SIGKILL)


def _prepare(scratch: str) -> None:
    """In a new worker: a group of its own, so that it can be ended together with the programs that it starts,
    at the latest when the parent has died; and stray files belong in the pool's folder."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tempfile.tempdir = scratch
    os.environ["TMPDIR"] = scratch
    hold_little()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.killpg(0, signal.SIGKILL)


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if process.pid:  # the group 0 would be our own
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # it may be too young to have a group


def _sweep() -> None:
    """Remove what pools of killed processes left behind."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        # In a container each life of Sentio has the same process id, so the folder of an earlier one bears ours.
        earlier = pid == str(os.getpid()) and folder not in _ours
        if pid.isdigit() and (earlier or not Path(f"/proc/{pid}").exists()):
            shutil.rmtree(folder, ignore_errors=True)
