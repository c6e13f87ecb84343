"""When the samples of a table come, and the pipeline that waits for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentio.config.durations import format_duration
from sentio.detection.run import Request, first_batch, goes_on, made, with_batch
from sentio.errors import SensorsError
from sentio.evaluation.labelled import first_scored
from sentio.evaluation.settings import change
from sentio.grid import cells_of
from sentio.tables.reader import Choice
from sentio.tables.whole import Samples
from sentio.types import MILLISECOND, SECOND

SOURCE = "restream"
_TYPE = "sentio.detection.restream:Restreamed"
_TICK = SECOND
"""Between two score ticks where the step is shorter: nobody looks more often."""
_LEAD = 3 * SECOND
"""Until the first sample, for the service to start and models to be fitted."""
_MINUTE = 60 * SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """``alias``: the pipeline. ``step``: ns between two samples as they come, ``speed`` how many times as fast that is.
    ``first`` and ``last``: ns, when the first sample that is scored comes, and the last. ``rows`` come from then on,
    and ``lost`` of them are not seen, for a later one is in the same step. ``over``: what the configuration is made of.
    """

    alias: str
    step: int
    speed: float
    first: int
    last: int
    rows: int
    lost: int
    over: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which table, at which speed, through which detector. ``opened`` ns: when a table without times began."""

    path: str
    choice: Choice
    speed: float
    request: Request
    opened: int


def plan(samples: Samples, wanted: Wanted, now: int) -> Plan:
    """From ``now`` (ns) on. Raises `SensorsError` where all samples are of one time, `ConfigError` for options that
    the detector does not have."""
    times = np.unique(np.concatenate([times for times, _ in samples.groups.values()]))
    own_step = _usual(samples)
    step = max(MILLISECOND, round(own_step / wanted.speed / MILLISECOND) * MILLISECOND)
    speed = own_step / step
    detector, batch = made(wanted.request)
    request = wanted.request
    if batch is None:
        batch = first_batch(len(times))
        request = with_batch(request, batch)
    # What is trained has had the first samples already when the service starts; all others come.
    learned = 0 if goes_on(detector) else first_scored(times, None)
    since = int(times[learned])
    begin = -(-(now + _LEAD) // step) * step
    source = {
        "type": _TYPE, "path": wanted.path, "timefield": wanted.choice.timefield,
        "sensors": list(wanted.choice.sensors), "by": list(wanted.choice.by), "opened": wanted.opened,
        "since": since, "begin": begin, "speed": speed, "batch": batch, "history_end": now // step * step - step,
    }  # fmt: skip
    window = max(2, batch, learned) * step + _LEAD + _MINUTE
    document = {"sources": {SOURCE: source}, "pipelines": {samples.name: _pipeline(step, window)}}
    over = ((SOURCE, json.dumps(document)), *(change(samples.name, text) for text in request.all_changes))
    last = begin + int((times[-1] - since) / speed)
    rows = sum(int((own >= since).sum()) for own, _ in samples.groups.values())
    return Plan(samples.name, step, speed, begin, last, rows, _lost(samples, since, own_step), over)


def _pipeline(step: int, window: int) -> dict[str, Any]:
    every = step * max(1, -(-_TICK // step))
    return {
        "source": SOURCE,
        "query": "*",
        "step": format_duration(step),
        "score": {"every": format_duration(every)},
        "ttl": format_duration(max(every, 5 * step, 300 * SECOND)),
        "forecast": {"horizons": []},
        "train": {"every": format_duration(max(every, _MINUTE)), "window": format_duration(window)},
    }


def _usual(samples: Samples) -> int:
    """The usual distance of two samples of a series, in ns."""
    distances = [np.diff(own) for own, _ in samples.groups.values() if len(own) > 1]
    if not distances:
        raise SensorsError(f"{samples.where}: has samples of one time only; at least two times are expected")
    return max(1, int(np.median(np.concatenate(distances))))


def _lost(samples: Samples, since: int, step: int) -> int:
    """Rows that share a step with a later one of their series."""
    cells = [np.unique(cells_of(own[own >= since], step, since)) for own, _ in samples.groups.values()]
    return sum(int((own >= since).sum()) for own, _ in samples.groups.values()) - sum(map(len, cells))
