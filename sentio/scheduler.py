"""The only clock: APScheduler 3 starts the ticks, and tells them what time it is.

APScheduler gives up on a job that hangs: every later run is skipped, for ever. So a tick runs on a thread of
its own, and the job waits for it only until its deadline; then the tick is abandoned, and the next one runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from sentio.errors import SentioError
from sentio.runner import Tick
from sentio.telemetry import Telemetry
from sentio.types import MILLISECOND, SECOND

log = logging.getLogger(__name__)

Work = Callable[[int, Tick], None]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JOBS_AT_ONCE = 512  # each tick that runs holds one; threads are made as they are needed


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


def clock() -> int:
    """Now, in nanoseconds since the epoch."""
    return time.time_ns()


class Scheduler:
    """Runs named ticks of pipelines, and plain chores, each at its interval."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._stopped = False
        self._waiting: set[threading.Event] = set()
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(_JOBS_AT_ONCE)},
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more, and wait for nothing that runs."""
        self._stopped = True
        for finished in list(self._waiting):
            finished.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def add_tick(self, alias: str, name: str, work: Work, *, every: int, deadline: int) -> None:
        """Run ``work`` now, then at multiples of ``every`` ns; abandon a run after ``deadline`` ns."""
        self._scheduler.add_job(
            self._tick,
            _Multiples(every),
            args=(alias, name, work, every, deadline / SECOND),
            id=f"{name} {alias}",
            replace_existing=True,
        )

    def remove_ticks(self, alias: str) -> None:
        for job in self._scheduler.get_jobs():
            if job.id.split(" ", 1)[1] == alias:
                job.remove()

    def add_chore(self, name: str, work: Callable[[], None], every_s: float) -> None:
        """Run ``work`` every so many seconds."""
        self._scheduler.add_job(
            work,
            IntervalTrigger(seconds=every_s, timezone=UTC),
            id=f"chore {name}",
            replace_existing=True,
        )

    def _tick(self, alias: str, name: str, work: Work, every: int, deadline_s: float) -> None:
        tick, finished, started = Tick(), threading.Event(), time.perf_counter()
        outcome = ["failed"]

        def run() -> None:
            try:
                work(clock(), tick)
                outcome[0] = "ok"
            except SentioError as error:
                # The guard has said why where it is news; here it is only the tick's outcome.
                log.debug("pipeline %s: the %s tick has failed: %s", alias, name, error)
            except Exception:
                # A defect of ours: it ends this tick, with its trace in the log, and not the service. Once all is
                # being closed, what a tick was working with may be closed under it, which is none.
                if not self._stopped:
                    log.exception("pipeline %s: the %s tick has failed", alias, name)
            finally:
                finished.set()

        self._waiting.add(finished)
        threading.Thread(target=run, name=f"{name} {alias}", daemon=True).start()
        in_time = finished.wait(deadline_s)
        self._waiting.discard(finished)
        if self._stopped:
            return
        if not in_time:
            tick.alive = False
            outcome[0] = "abandoned"
            log.warning("pipeline %s: the %s tick is abandoned after %.3g s", alias, name, deadline_s)
        took = time.perf_counter() - started
        self._telemetry.ticks.labels(alias, name, outcome[0]).inc()
        if took > every / SECOND:
            self._telemetry.ticks.labels(alias, name, "late").inc()
        self._telemetry.tick_seconds.labels(alias, name).observe(took)

    def _overrun(self, event: JobExecutionEvent) -> None:
        name, alias = event.job_id.split(" ", 1)
        if name != "chore":
            self._telemetry.ticks.labels(alias, name, "skipped").inc()
