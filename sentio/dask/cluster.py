"""The workers of a Dask cluster, each with one task at a time. All of it belongs to one event loop.

Dask's own way to run a task again would not do: ``retries`` is for tasks that raise, and ``allowed-failures``, for
workers that die, is the scheduler's for everybody's tasks (3 unless configured), and counts those that only waited
beside the guilty one. So each task is given to one worker and may run nowhere else: when that worker is gone it is
this module that gives it to another, once. As no worker has two tasks of ours, the one that was there is at fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import pickle
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sentio import __version__
from sentio.dask.worker import Names, look, outcome, packed, versions
from sentio.errors import SentioError, WorkerDiedError

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

_CONNECT_S, _END_S = 5.0, 1.0
_PAUSE_S = 1.0
"""Between two attempts, at a connection or at a task that no worker could be blamed for."""
_LOOK_S, _ROUND_S = 0.2, 1.0
"""How often it is looked whether the connection stands, and which workers there are."""
_SILENT_S = 30.0
"""After which a scheduler that says nothing is as good as none."""
_SHOWN = 300
"""Characters of what Dask says that a text quotes at most."""


class ClusterAwayError(SentioError, RuntimeError):
    """Heavy work can be done nowhere now: it is no fault of the series that are fitted, so the tick fails with it,
    and is tried again at the next."""


class Task:
    """A call, who waits for its result, and how often it was lost with its worker."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.name: str = getattr(function, "__name__", type(function).__name__)
        self.call = packed(function, args, kwargs)
        self.result: Future[Any] = Future()
        self.lost = 0

    def give(self, answer: bytes) -> None:
        """Settle it with what `run` answered."""
        try:
            value = outcome(answer)
        except Exception as error:  # noqa: BLE001 # it belongs to whoever waits for the result
            self.fail(error)
        else:
            if self._still_wanted():
                self.result.set_result(value)

    def fail(self, error: Exception) -> None:
        if self._still_wanted():
            self.result.set_exception(error)

    @property
    def settled(self) -> bool:
        """It was called off, or has a result."""
        return self.result.done()

    def _still_wanted(self) -> bool:
        """From here on it cannot be called off."""
        return not self.settled and self.result.set_running_or_notify_cancel()


@dataclass(slots=True)
class _Seat:
    """A worker; ``fit``: it has what tasks need, and does not hang."""

    worker: str
    fit: bool = False
    task: Task | None = None
    work: asyncio.Task[None] | None = None


class Cluster:
    """Tasks on the workers of the scheduler at an address such as ``tcp://host:8786``.

    ``preload``: modules that its workers import first. ``packages``: those of which a worker must have the versions
    that are here. A task ends after ``limit_s``; it waits ``patience_s`` for a worker that can be used.
    """

    def __init__(self, scheduler: str, preload: Names, packages: Names, *, limit_s: float, patience_s: float) -> None:
        self._scheduler, self._where = scheduler, f"executor {scheduler}"
        self._preload, self._packages = preload, packages
        self._limit_s, self._patience_s = limit_s, patience_s
        self._tasks: asyncio.PriorityQueue[tuple[int, int, Task]] = asyncio.PriorityQueue()
        self._count = itertools.count()
        self._seats: dict[str, _Seat] = {}
        self._none_since = 0.0
        self._away = ""
        self._said: set[str] = set()

    def take(self, task: Task) -> None:
        """Have it done. Where there is no scheduler it fails at once, with `ClusterAwayError`."""
        if self._away:
            task.fail(ClusterAwayError(self._away))
        else:
            self._put(task)

    async def run(self) -> None:
        """Work while there is a scheduler, and look for it while there is none, until this is cancelled."""
        try:
            while True:
                try:
                    await self._session()
                except Exception as error:  # noqa: BLE001 # whatever it is: the scheduler may come back
                    self._lose(error)
                await asyncio.sleep(_PAUSE_S)
        finally:
            for task in self._let_go():
                task.result.cancel()

    async def _session(self) -> None:
        """From a connection to its loss. Always raises: what ended it."""
        await _reached(self._scheduler)
        client, looking = _client(self._scheduler), None
        try:
            await _connected(client)
            await self._compare_versions(client)
            client.subscribe_topic("all", lambda event: self._heard(client, event[1]))
            self._found()
            looking = asyncio.create_task(self._look_round(client))
            # Not by what is asked: Dask takes its time to say that nobody answers any more.
            while client.status == "running":
                await asyncio.wait({looking}, timeout=_LOOK_S)
                if looking.done():
                    await looking
        finally:
            for work in (looking, *(seat.work for seat in self._seats.values())):
                if work:
                    work.cancel()
            with contextlib.suppress(OSError):  # of a connection that is of no use any more
                await asyncio.wait_for(client.close(), _END_S)
        raise ConnectionError("the connection is lost")

    # The scheduler comes and goes.

    def _found(self) -> None:
        log.info("%s: %s", self._where, "works again" if self._away else "connected")
        self._none_since = time.monotonic()
        self._away = ""
        self._said.clear()

    def _lose(self, error: Exception) -> None:
        """Nothing waits for a scheduler: who wants a result is told, and asks again at the next tick."""
        known = isinstance(error, OSError | ImportError | ValueError)
        why = f"{self._where}: cannot be used ({_line(error)}); a Dask scheduler that answers is expected"
        self._say(why, error=None if known else error)
        self._away = why
        for task in self._let_go():
            task.fail(ClusterAwayError(why))

    def _let_go(self) -> Iterator[Task]:
        """Every task that is not settled; none of them waits or is under way any more."""
        seats, self._seats = self._seats, {}
        yield from (seat.task for seat in seats.values() if seat.task)
        while not self._tasks.empty():
            yield self._tasks.get_nowait()[-1]

    async def _compare_versions(self, client: Client) -> None:
        from distributed.versions import get_versions

        there, here = (await client.scheduler.versions())["packages"], get_versions()["packages"]
        if off := _differences({name: here[name] for name in ("dask", "distributed")}, there):
            self._say(f"{self._where}: the scheduler has {off}; the same as here is expected")

    # Its workers come and go.

    def _heard(self, client: Client, event: Any) -> None:
        match event:
            case {"action": "add-worker", "worker": str(worker)}:
                self._join(client, worker)
            case {"action": "remove-worker", "worker": str(worker)}:
                self._leave(worker, expected=bool(event.get("expected")))

    async def _look_round(self, client: Client) -> None:
        """Which workers there are, again and again: not all may be heard of. Raises `OSError` where nobody answers."""
        while True:
            seats = dict(self._seats)
            there = await asyncio.wait_for(client.nthreads(), _SILENT_S)
            for worker in there:
                self._join(client, worker)
            for worker in seats.keys() - there.keys():
                if self._seats.get(worker) is seats[worker]:
                    self._leave(worker, expected=False)
            for seat in self._seats.values():
                if seat.work and seat.work.done():
                    await seat.work  # raises what must not happen: a defect of ours would be waited for for ever
            self._lose_patience()
            await asyncio.sleep(_ROUND_S)

    def _join(self, client: Client, worker: str) -> None:
        if worker not in self._seats:
            seat = self._seats[worker] = _Seat(worker)
            seat.work = asyncio.create_task(self._work(client, seat))

    def _leave(self, worker: str, *, expected: bool) -> None:
        """``expected``: somebody has asked it to go, so its task is not to blame."""
        seat = self._seats.pop(worker, None)
        if seat is None:
            return
        if seat.work:
            seat.work.cancel()
        if seat.task and expected:
            self._put(seat.task)
        elif seat.task:
            self._lost(seat.task, f"its worker was lost twice, the last time {worker}; see its log and memory limit")

    def _lose_patience(self) -> None:
        """Who waits for a worker is told when there has been none for long."""
        now = time.monotonic()
        if any(seat.fit for seat in self._seats.values()):
            self._none_since = now
        elif now - self._none_since > self._patience_s and not self._tasks.empty():
            why = f"{self._where}: has no worker that can be used; one with sentio {__version__} is expected"
            self._say(why)
            while not self._tasks.empty():
                self._tasks.get_nowait()[-1].fail(ClusterAwayError(why))

    # What a worker does.

    async def _work(self, client: Client, seat: _Seat) -> None:
        """One task after the other, until this is cancelled or the worker of no use."""
        seat.fit = await self._is_fit(client, seat.worker)
        while seat.fit:
            seat.task = (await self._tasks.get())[-1]
            if not seat.task.settled:
                seat.fit = await self._do(client, seat, seat.task)
            if client.status != "running":
                return  # with its task, which is let go together with all others
            seat.task = None

    async def _do(self, client: Client, seat: _Seat, task: Task) -> bool:
        """Whether the worker is there for the next one."""
        try:
            task.give(await self._answer(client, seat, task))
        except Exception as error:  # noqa: BLE001 # none is the task's own: `run` has kept those
            if client.status == "running":
                seat.task = None
                self._lost(task, f"it could not be run, twice, the last time on {seat.worker} ({_line(error)})")
                await asyncio.sleep(_PAUSE_S)  # so that another worker has it next
            return type(error).__name__ != "KilledWorker"
        return True

    async def _answer(self, client: Client, seat: _Seat, task: Task) -> bytes:
        """Raises what Dask raises: of a lost connection, of a worker that cannot read the task."""
        future = _submit(client, seat.worker, task.name, task.call)
        waiting = asyncio.ensure_future(future.result())
        waiting.add_done_callback(_looked_at)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=self._limit_s)
            if not done:
                late = f"{task.name}: it took longer than {self._limit_s:g} s on {seat.worker}"
                task.fail(WorkerDiedError(f"{late}; a smaller train.max_points is expected"))
                seat.fit = False
            # It cannot be stopped there: its worker has nothing else to do until it ends.
            answer: bytes = await waiting
            return answer
        finally:
            waiting.cancel()
            future.release()

    def _lost(self, task: Task, why: str) -> None:
        """``why``: what to say when it was the second time."""
        task.lost += 1
        if task.settled:
            return
        if task.lost > 1:
            task.fail(WorkerDiedError(f"{task.name}: {why}"))
        else:
            log.warning("%s: a worker was lost with %s under way, which is tried once more", self._where, task.name)
            self._put(task)

    def _put(self, task: Task) -> None:
        # Those that were lost first: somebody has waited for them longest.
        self._tasks.put_nowait((-task.lost, next(self._count), task))

    async def _is_fit(self, client: Client, worker: str) -> bool:
        """Whether the worker has what tasks need, and the same versions of what decides their results."""
        try:
            call = packed(look, (self._preload, self._packages), {})
            there = outcome(await _submit(client, worker, "look", call))
        except Exception as error:  # noqa: BLE001 # a module there may raise anything at all
            if client.status == "running":
                self._unfit(worker, f"cannot import what tasks need ({_line(error)})")
            return False
        if off := _differences(versions(self._packages), there):
            self._unfit(worker, f"has {off}")
        return not off

    def _unfit(self, worker: str, why: str) -> None:
        right = "the packages that Sentio has here are expected there"
        self._say(f"{self._where}: worker {worker} is not used: it {why}; {right}", about=why)

    def _say(self, text: str, *, about: str = "", error: Exception | None = None) -> None:
        """Once, until the scheduler is found again: workers that start over and over have other addresses."""
        if (about or text) not in self._said:
            self._said.add(about or text)
            log.warning("%s", text, exc_info=error)


def _client(scheduler: str) -> Client:
    """Connects in the loop that runs."""
    # Here, not above: it takes a second, and only who has a cluster has it installed.
    import dask
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    # What it would say is said by this module, in one line and when it is news.
    for name, level in (("distributed", logging.WARNING), ("distributed.client", logging.CRITICAL)):
        logging.getLogger(name).setLevel(level)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"})
    return Client(scheduler, asynchronous=True, set_as_default=False, timeout=_CONNECT_S, name="sentio")


async def _reached(address: str) -> None:
    """Raises `OSError` where nobody listens: Dask would try again and again for seconds, and say less."""
    parts = urlsplit(address)
    _, writer = await asyncio.wait_for(asyncio.open_connection(parts.hostname, parts.port), _CONNECT_S)
    writer.close()


async def _connected(client: Client) -> None:
    """Raises `OSError`, and `ImportError` where Dask finds the versions too different."""
    try:
        # Dask's own timeout is for each step, and none is for a server that accepts and says nothing.
        await asyncio.wait_for(client, 2 * _CONNECT_S)
    except TypeError as error:  # of a tls:// address, where Dask's configuration names no certificates
        raise ConnectionError("no TLS connection comes about") from error


def _submit(client: Client, worker: str, name: str, call: bytes) -> Any:
    """A future of Dask's: on that worker or never."""
    key = f"sentio-{name}-{uuid.uuid4().hex}"
    return client.submit(pickle.loads, call, key=key, workers=[worker], allow_other_workers=False, retries=0)


def _looked_at(done: asyncio.Future[Any]) -> None:
    """Or asyncio would say that nobody did, of one that came just as nobody waited any more."""
    if not done.cancelled():
        done.exception()


def _differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {there.get(name)} in place of {v}" for name, v in here.items() if there.get(name) != v)


def _line(error: Exception) -> str:
    """The plain reason under its layers, on one line."""
    while isinstance(inner := error.__cause__, Exception):
        error = inner
    said = " ".join(str(error).split())[:_SHOWN]
    if isinstance(error, OSError):
        # asyncio puts words of its own in place of the system's; of a name that is not known there is no number.
        number = error.errno or 0
        return (os.strerror(number) if number > 0 else error.strerror or said) or "it does not answer"
    return f"{type(error).__name__}: {said}"
