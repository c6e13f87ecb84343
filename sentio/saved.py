"""What is saved of one pipeline, as one state: its models, when each series was seen last, what its judge has seen and
flagged, and the alerts that stand."""

from __future__ import annotations

import numpy as np

from sentio.flagged import Flagged
from sentio.pipeline import Line, Memory
from sentio.types import Array, Ints, Keys, State, positions, union

_SEEN, _FLAGGED, _JUDGED, _ALERTS = "@seen", "@flagged", "@judged ", "@alerts "
_ALWAYS = {"status", "first_at", "fitted_at", "samples", "detail"}
"""The arrays of every state."""


def packed(line: Line, memory: Memory, live: Keys, seen: Ints, flagged: Flagged, ttl: int) -> State:
    """``memory`` and ``flagged`` for the series of its models; ``seen [L]`` ns is of the series ``live``, which
    were seen within ``ttl`` ns."""
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
    alerts = line.alerting.resumed(memory.alerts, None, model.keys)
    more = {_SEEN: last, _FLAGGED: flagged.onto(model.keys)}
    return State(model.keys, {**model.arrays, **more, **_marked(_JUDGED, judged), **_marked(_ALERTS, alerts)})


def unpacked(saved: State, flagged: Flagged) -> tuple[Memory, Ints]:
    """What `packed` made one, and ``[S]`` ns when each series was seen last; ``flagged`` is as it was. Raises
    `ValueError` where it lacks an array."""
    if lacking := _ALWAYS - saved.arrays.keys():
        raise ValueError(f"it has no {', '.join(sorted(lacking))}")
    model = State(saved.keys, {name: a for name, a in saved.arrays.items() if not name.startswith("@")})
    flagged.restore(saved.keys, saved.arrays.get(_FLAGGED))
    seen = np.asarray(saved.arrays.get(_SEEN, saved["fitted_at"]))
    return Memory(model, _unmarked(_JUDGED, saved), _unmarked(_ALERTS, saved)), seen


def fitting(line: Line, memory: Memory, keys: Keys, told: State | None = None) -> Memory:
    """``memory`` as far as this version can read it: what its alerts know of exactly ``keys``, and its judge of these
    and of those that have a model and may come back.

    ``told``: the series of which an alert was told, as `sentio.journal` has them; None where nobody knows.
    """
    alerts = line.alerting.resumed(memory.alerts, told, keys)
    return Memory(memory.model, line.judge.onto(memory.judged, union(keys, memory.model.keys)), alerts)


def _marked(mark: str, state: State) -> dict[str, Array]:
    return {mark + name: array for name, array in state.arrays.items()}


def _unmarked(mark: str, saved: State) -> State:
    arrays = {name.removeprefix(mark): a for name, a in saved.arrays.items() if name.startswith(mark)}
    return State(saved.keys, arrays)
