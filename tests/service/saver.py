"""Saves one of two states over and over, for the test that kills it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from sentio import build
from sentio.config.load import load
from sentio.detectors.prophet.design import Design
from sentio.detectors.prophet.model import blank
from sentio.detectors.prophet.options import ProphetOptions
from sentio.state import SeriesStatus, State
from sentio.store import Store
from sentio.types import SeriesKey

SERIES = 300
LEVELS = (10.0, 20.0)


def state(level: float) -> State:
    """Constants at ``level``, fitted now."""
    arrays = blank(SERIES, Design(ProphetOptions()))
    arrays["status"][:] = SeriesStatus.CONSTANT
    arrays["fitted_at"][:] = time.time_ns()
    arrays["m"][:], arrays["scale"][:], arrays["least"][:] = level, 1.0, 0.1
    return State(tuple(SeriesKey("m", (("i", str(i)),)) for i in range(SERIES)), arrays)


def main(path: str) -> None:
    config = load([Path(path)], os.environ)
    ((alias, pipeline),) = config.pipelines.items()
    store, states = Store(config.store.path), [state(level) for level in LEVELS]
    fingerprint = build.fingerprint(pipeline)
    store.save(alias, fingerprint, states[0], time.time_ns())
    os.write(1, b"saving\n")
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for one in states:
            os.write(1, b"(")
            store.save(alias, fingerprint, one, time.time_ns())
            os.write(1, b")")


if __name__ == "__main__":
    np.seterr(all="raise")
    main(sys.argv[1])
