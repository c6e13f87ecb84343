"""What the parts of the judge's arithmetic measure by."""

from __future__ import annotations

import numpy as np

from sentio.judgement.track import BINS
from sentio.types import SECOND

BINS_NS = 86_400 * SECOND // BINS
A_DAY = 86_400.0 * SECOND
AN_HOUR = 3600.0 * SECOND
"""Excesses nearer than that are of one cluster."""
MEAN_TO_SCALE = 1.25
"""Of a normal distribution: the standard deviation over the mean size."""
LARGE = 4.0
"""Scales beyond which a deviation that lasts is a shift."""
STILL_FAR = 3.0
"""Scales beyond which a deviation that has been found may be the same one still."""
SHIFT = 0.5
"""What is added to a size before its logarithm is taken, in scales: below it, differences say nothing."""
LEAST = float(np.log(SHIFT))
"""The strangeness of what nobody wants to be told of."""
SOUND = 30.0
"""Samples until which nothing is judged."""
