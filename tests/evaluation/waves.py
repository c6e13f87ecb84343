"""A source of its own for the command's test: series with the shape of a day, at any time."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentio.config import options
from sentio.types import SECOND, Panel, SeriesKey, Window


class Waves:
    """``up{i="…"}`` for each of ``series``; raises nothing."""

    class Options(options.Options):
        series: int

    def __init__(self, options: Any) -> None:
        self._series = options.series

    def read(self, query: str, window: Window) -> Panel:
        times = window.times()
        phase = 2 * np.pi * times / (86_400 * SECOND) + np.arange(self._series)[:, None]
        noise = np.sin(1e3 * phase) + np.sin(777.7 * phase)
        keys = tuple(SeriesKey(query, (("i", str(i)),)) for i in range(self._series))
        return Panel(keys, times, 10 + 5 * np.sin(phase) + noise)
