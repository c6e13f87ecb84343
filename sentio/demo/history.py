"""The weeks before the demo began, made at start, as if the exporter had been scraped all that time."""

from __future__ import annotations

from sentio.demo.series import Series, under_target
from sentio.demo.simulator import Simulator
from sentio.types import SECOND, Window

LENGTH = (14 * 24 + 6) * 3600 * SECOND
"""Two weeks and some hours: Prophet asks for two weeks, between samples of its own grid, to learn a weekly season."""
STEP = 15 * SECOND


def history(simulator: Simulator, end: int, target: dict[str, str]) -> list[Series]:
    """Each series of ``simulator`` over the two weeks up to ``end`` (ns), labelled as a scrape of ``target``
    (``job``, ``instance``) labels it, so that live samples continue the very same series."""
    times = Window.ending(end, LENGTH, STEP).times()
    values = simulator.values(times)
    return [Series(under_target(key, target), times, row) for key, row in zip(simulator.keys, values, strict=True)]
