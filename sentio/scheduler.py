"""The only clock: APScheduler 3 starts the ticks, and tells them what time it is.

APScheduler gives up on a job that hangs: every later run is skipped, for ever. So a tick runs on a thread of
its own, and the job waits for it only until its deadline; then the tick is abandoned, and the next one runs.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from sentio.errors import SentioError
from sentio.runner import Tick
from sentio.telemetry import Telemetry
from sentio.types import MILLISECOND, SECOND

log = logging.getLogger(__name__)

Work = Callable[[int, Tick], None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JOBS_AT_ONCE = 512  # each tick that runs holds one; threads are made as they are needed
_LOOK_EVERY_S = 5.0
_BACK = 2 * SECOND
"""Less is waited for: no tick is much later for it."""


class _Multiples(BaseTrigger):  # type: ignore[misc] # the package is not typed
    """Now, then at the multiples of an interval: a tick meets the newest sample of its grid, whenever Sentio was
    started, where an interval trigger would keep the distance of the start from it."""

    def __init__(self, every: int) -> None:
        self._every = every

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return now
        # In integers: a double holds no nanoseconds of today.
        multiple = (int(now.timestamp() * 1000) * MILLISECOND // self._every + 1) * self._every
        return _EPOCH + timedelta(microseconds=multiple // 1000)


class _Every(BaseTrigger):  # type: ignore[misc] # as above
    """Again and again, so many seconds after the last time; APScheduler's own makes each of the times between, one by
    one, where the clock goes on by years."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        return now + self._interval


def clock() -> int:
    """Now, in nanoseconds since the epoch."""
    return time.time_ns()


@dataclass(frozen=True, slots=True)
class _Job:
    """A tick of a pipeline; see `Scheduler.add_tick`."""

    alias: str
    name: str
    work: Work
    every: int
    late_after: int | None
    deadline: int

    def late(self, age_s: float) -> bool:
        return age_s > (self.late_after or self.every) / SECOND


@dataclass(slots=True)
class _Run:
    """A tick under way; ``removed`` together with its pipeline."""

    tick: Tick = field(default_factory=Tick)
    finished: threading.Event = field(default_factory=threading.Event)
    started: float = field(default_factory=time.perf_counter)
    outcome: str = "failed"
    removed: bool = False

    @property
    def age(self) -> float:
        return time.perf_counter() - self.started


class Scheduler:
    """Runs named ticks of pipelines, and plain chores, each at its interval."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._stopped, self._ended = False, threading.Event()
        self._lock = threading.Lock()
        self._generation = 0
        self._jobs: dict[str, _Job] = {}
        self._runs: dict[str, _Run] = {}
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(_JOBS_AT_ONCE)},
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)

    def start(self) -> None:
        self._scheduler.start()
        threading.Thread(target=self._watch, name="clock", daemon=True).start()

    def stop(self) -> None:
        """Start nothing more, and wait for nothing that runs."""
        with self._lock:
            self._stopped = True
            self._ended.set()
            for run in self._runs.values():
                run.finished.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add_tick(
        self, alias: str, name: str, work: Work, *, every: int, deadline: int, late_after: int | None = None
    ) -> None:
        """Run ``work`` now, then at multiples of ``every`` ns; abandon a run after ``deadline`` ns.

        A run counts as late after ``late_after`` ns (None: ``every``), and until then no run that it stands in the
        way of counts as skipped: where the cadence is only how often anybody looks, a long run is no news.
        """
        with self._lock:
            # APScheduler counts what runs by the job's id, and the tick of a pipeline that was removed may have its
            # job for a moment yet: with the same id, the new one's first run would be skipped.
            self._generation += 1
            job_id = f"{name} {alias} {self._generation}"
            self._jobs[job_id] = _Job(alias, name, work, every, late_after, deadline)
        self._scheduler.add_job(self._tick, _Multiples(every), args=(job_id,), id=job_id)

    def remove_ticks(self, alias: str) -> None:
        """End the ticks of a pipeline; those under way are let go, and count as nothing."""
        with self._lock:
            ids = [job_id for job_id, job in self._jobs.items() if job.alias == alias]
            for job_id in ids:
                del self._jobs[job_id]
                if run := self._runs.get(job_id):
                    run.removed, run.tick.alive = True, False
                    run.finished.set()
        for job_id in ids:
            with contextlib.suppress(JobLookupError):
                self._scheduler.remove_job(job_id)

    def add_chore(self, name: str, work: Callable[[], None], every_s: float) -> None:
        """Run ``work`` every so many seconds."""
        self._scheduler.add_job(
            work,
            _Every(every_s),
            id=f"chore {name}",
            replace_existing=True,
        )

    def _watch(self) -> None:
        """APScheduler keeps when each job is next by the system's clock, and would wait until that is there again."""
        ahead = clock() - time.monotonic_ns()
        while not self._ended.wait(_LOOK_EVERY_S):
            before, ahead = ahead, clock() - time.monotonic_ns()
            if before - ahead > _BACK:
                log.warning("the clock has gone back by %.0f s: all ticks are run now", (before - ahead) / SECOND)
                self._run_all()

    def _run_all(self) -> None:
        now = datetime.fromtimestamp(clock() / SECOND, UTC)
        for job in self._scheduler.get_jobs():
            with contextlib.suppress(JobLookupError):  # a reload has taken it
                self._scheduler.modify_job(job.id, next_run_time=now)

    def _tick(self, job_id: str) -> None:
        run = _Run()
        with self._lock:
            # Looked at together with the entry: who stops or removes either sees it, or is seen here.
            job = self._jobs.get(job_id)
            if job is None or self._stopped:
                return
            self._runs[job_id] = run
        threading.Thread(target=self._work, args=(job, run), name=f"{job.name} {job.alias}", daemon=True).start()
        in_time = run.finished.wait(job.deadline / SECOND)
        with self._lock:
            del self._runs[job_id]
            if self._stopped or run.removed:
                return
        outcome = run.outcome
        if not in_time:
            run.tick.alive, outcome = False, "abandoned"
            log.warning(
                "pipeline %s: the %s tick is abandoned after %.3g s", job.alias, job.name, job.deadline / SECOND
            )
        self._count(job, outcome, run.age)

    def _work(self, job: _Job, run: _Run) -> None:
        try:
            job.work(clock(), run.tick)
            run.outcome = "ok"
        except SentioError as error:
            # The guard has said why where it is news; here it is only the tick's outcome.
            log.debug("pipeline %s: the %s tick has failed: %s", job.alias, job.name, error)
        except Exception:
            # A defect of ours: it ends this tick, with its trace in the log, and not the service. Once all is
            # being closed, what a tick was working with may be closed under it, which is none.
            if not self._stopped:
                log.exception("pipeline %s: the %s tick has failed", job.alias, job.name)
        finally:
            run.finished.set()

    def _count(self, job: _Job, outcome: str, took: float) -> None:
        self._telemetry.ticks.labels(job.alias, job.name, outcome).inc()
        if job.late(took):
            self._telemetry.ticks.labels(job.alias, job.name, "late").inc()
        self._telemetry.tick_seconds.labels(job.alias, job.name).observe(took)

    def _overrun(self, event: JobExecutionEvent) -> None:
        with self._lock:
            job, run = self._jobs.get(event.job_id), self._runs.get(event.job_id)
        if job is None:
            return  # a chore, or a pipeline that is no more
        if job.late_after is not None and (run is None or not job.late(run.age)):
            return
        self._telemetry.ticks.labels(job.alias, job.name, "skipped").inc()
