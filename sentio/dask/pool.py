"""`DaskPool`, an executor like `sentio.executor.WorkerPool`, over the workers of a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from sentio.dask.cluster import Cluster, Task
from sentio.dask.worker import Names

T = TypeVar("T")
_END_S = 5.0


class DaskPool(Executor):
    """The workers of the scheduler at ``scheduler``, which is looked for at the first task; see `Cluster`.

    Tasks are picklable functions of a module that the workers have, too. A result fails with `WorkerDiedError` where
    its worker was lost twice, and with `ClusterAwayError` where there is no scheduler or no worker.
    """

    def __init__(
        self,
        scheduler: str,
        preload: Names = (),
        packages: Names = (),
        *,
        limit_s: float = 600.0,
        patience_s: float = 120.0,
    ) -> None:
        self._cluster = Cluster(scheduler, preload, packages, limit_s=limit_s, patience_s=patience_s)
        self._lock = threading.Lock()
        self._results: set[Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def pending(self) -> int:
        """Tasks that wait or are under way."""
        return len(self._results)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Raises what pickle says of a task that cannot be sent."""
        task = Task(fn, args, kwargs)
        with self._lock:
            if self._closed:
                raise RuntimeError("the Dask executor is shut down")
            loop = self._started()
            self._results.add(task.result)
            task.result.add_done_callback(self._one_less)
            loop.call_soon_threadsafe(self._cluster.take, task)
        return task.result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What is under way on the cluster ends there by itself; without ``wait`` nobody hears of its result."""
        with self._lock:
            self._closed = True
            thread, loop, work = self._thread, self._loop, self._work
        if thread is None or loop is None or work is None:
            return
        if cancel_futures:
            for result in list(self._results):
                result.cancel()
        if wait:
            futures.wait(list(self._results))
        with contextlib.suppress(RuntimeError):  # it has ended before
            loop.call_soon_threadsafe(work.cancel)
        if wait:
            thread.join(_END_S)

    def _one_less(self, done: Future[Any]) -> None:
        with self._lock:
            self._results.discard(done)

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop: Future[asyncio.AbstractEventLoop] = Future()
            self._thread = threading.Thread(target=asyncio.run, args=(self._run(loop),), name="dask", daemon=True)
            self._thread.start()
            self._loop = loop.result()
        return self._loop

    async def _run(self, loop: Future[asyncio.AbstractEventLoop]) -> None:
        self._work = asyncio.current_task()
        loop.set_result(asyncio.get_running_loop())
        with contextlib.suppress(asyncio.CancelledError):
            await self._cluster.run()
