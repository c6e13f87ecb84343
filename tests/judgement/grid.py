"""The grid of times that the tests of this room share."""

from __future__ import annotations

import numpy as np

from sentio.types import SECOND, Ints

STEP = 60 * SECOND
START = 1_700_006_400 * SECOND


def times(samples: int, first: int = 0) -> Ints:
    return START + STEP * np.arange(first, first + samples, dtype=np.int64)
