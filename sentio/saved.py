"""What is saved of one pipeline, as one state: its models, when each series was seen last, what its judge has seen and
flagged, and what its alerts have told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sentio.alerting import away, gone_since, not_after, parted, standing
from sentio.fitted import in_date, usable
from sentio.flagged import Flagged
from sentio.pipeline import Line, Memory
from sentio.state import State, merged
from sentio.timing import Timing
from sentio.types import Array, Ints, Keys, positions, union

_SEEN, _FLAGGED, _JUDGED, _ALERTS = "@seen", "@flagged", "@judged ", "@alerts "
_ALWAYS = {"status", "first_at", "fitted_at", "samples", "detail"}
"""The arrays of every state."""


def packed(line: Line, memory: Memory, live: Keys, seen: Ints, flagged: Flagged, ttl: int) -> State:
    """``memory`` and ``flagged`` for the series of its models, away or not; ``seen [L]`` ns is of the series ``live``,
    which were seen within ``ttl`` ns."""
    model = memory.model
    if not model.keys:
        return model
    at = positions(model.keys, live)
    last = model["fitted_at"].copy()
    last[at >= 0] = seen[at[at >= 0]]
    if live:
        # Fitted while they were awaited still, they are of a time at which they were gone already.
        last[at < 0] = np.minimum(last[at < 0], seen.max() - ttl - 1)
    judged = line.judge.onto(memory.judged, model.keys)
    alerts = line.alerting.resumed(merged([memory.away, memory.alerts]), None, model.keys)
    more = {_SEEN: last, _FLAGGED: flagged.onto(model.keys)}
    return State(model.keys, {**model.arrays, **more, **_marked(_JUDGED, judged), **_marked(_ALERTS, alerts)})


def restored(
    line: Line, timing: Timing, saved: State, told: State | None, flagged: Flagged, now: int
) -> tuple[Memory, Keys, int | None]:
    """What is known at a start from what `packed` made, and from what was ``told`` of alerts, which wins, as
    `sentio.journal` has it (None where nobody knows); the series that count as seen now; and ns of the newest sample,
    None where no model of a series that arrived then can be used.

    The series that arrived when it was taken and were not let go of since, or have an alert, count as seen now, so that
    their bands and alerts stand until their time to live is over or they arrive. Others, such as those that have no
    model yet, are away until they do. ``flagged`` is as it was. Raises `ValueError` where it lacks an array.
    """
    memory, seen, arrived, left = Memory(), np.empty(0, np.int64), State(()), State(())
    if told is not None:
        told, left = parted(told)
    if saved.keys:
        memory, seen = _unpacked(saved, flagged)
        arriving = (seen >= seen.max() - timing.ttl) & ~gone_since(left, saved.keys, seen)
        arrived = memory.model.select(np.flatnonzero(usable(memory.model) & arriving))
        arrived = in_date(arrived, now, timing.model_ttl)
        memory = replace(memory, model=in_date(memory.model, now, timing.model_ttl))
    live = union(arrived.keys, standing(told) if told is not None else ())
    newest = timing.newest(now)
    gone = _away(line, memory.alerts, told, live, newest)
    memory = _fitting(line, memory, live, told)
    memory = replace(memory, alerts=not_after(memory.alerts, newest), away=gone)
    return memory, live, int(seen.max()) if arrived.keys else None


def _unpacked(saved: State, flagged: Flagged) -> tuple[Memory, Ints]:
    """What `packed` made one, and ``[S]`` ns when each series was seen last."""
    if lacking := _ALWAYS - saved.arrays.keys():
        raise ValueError(f"it has no {', '.join(sorted(lacking))}")
    model = State(saved.keys, {name: a for name, a in saved.arrays.items() if not name.startswith("@")})
    flagged.restore(saved.keys, saved.arrays.get(_FLAGGED))
    seen = np.asarray(saved.arrays.get(_SEEN, saved["fitted_at"]))
    return Memory(model, _unmarked(_JUDGED, saved), _unmarked(_ALERTS, saved)), seen


def _fitting(line: Line, memory: Memory, keys: Keys, told: State | None) -> Memory:
    """``memory`` as far as this version can read it: what its alerts know of exactly ``keys``, and its judge of these
    and of those that have a model and may come back."""
    alerts = line.alerting.resumed(memory.alerts, told, keys)
    return Memory(memory.model, line.judge.onto(memory.judged, union(keys, memory.model.keys)), alerts)


def _away(line: Line, saved: State, told: State | None, live: Keys, at: int) -> State:
    """What is to be known at ``at`` ns of the alerts of series that are not ``live``: as in ``told``; of those that it
    does not have, as in ``saved``, but of none that stood then, for nobody heard of it."""
    known = line.alerting.resumed(saved, None, saved.keys)
    calm = set(saved.keys) - set(standing(known))
    parts = [known.select(np.flatnonzero([key in calm for key in saved.keys]))]
    if told is not None:
        parts.append(line.alerting.resumed(saved, told, told.keys))
    return away(line.alerting, State(()), not_after(merged(parts), at), live, at)


def _marked(mark: str, state: State) -> dict[str, Array]:
    return {mark + name: array for name, array in state.arrays.items()}


def _unmarked(mark: str, saved: State) -> State:
    arrays = {name.removeprefix(mark): a for name, a in saved.arrays.items() if name.startswith(mark)}
    return State(saved.keys, arrays)
