"""What a scenario says of itself while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from sentio.config.durations import format_duration, format_size
from sentio.scenario.shape import Load
from sentio.scenario.timeline import Act
from sentio.types import SECOND


def spell(length: int) -> str:
    """A duration, to a second where it has that many."""
    unit = SECOND if length >= 10 * SECOND else SECOND // 10
    return format_duration(round(length / unit) * unit)


def clock(seconds: float) -> str:
    """The time of the day, where this machine is."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def announced(act: Act, at: float) -> str:
    """Of an act that begins ``at`` that time."""
    doing = "; ".join(_doing(load, act.container) for load in act.phase.load) or "nothing but the base load"
    return (
        f"{clock(at)}  {act.name}, {spell(act.end - act.start)}: {doing}\n"
        f"          to be flagged: {', '.join(expected(act)) or 'nothing'}"
    )


def expected(act: Act) -> Iterator[str]:
    for one in act.expected:
        how = "missing" if one.verdict == "missing" else f"{one.verdict} its band"
        yield f"{one.query} of {one.container} {how}"


def summary(acts: Sequence[Act], began: float) -> Iterator[str]:
    """When what should have been flagged, for whoever looks it up."""
    yield "what should have been flagged, and when:"
    for act in acts:
        times = f"{clock(began + act.start / SECOND)}–{clock(began + act.end / SECOND)}"
        yield f"  {times}  {', '.join(expected(act)) or 'nothing'}"


def table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Columns that begin below one another."""
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _doing(load: Load, container: str) -> str:
    parts = []
    if load.stop:
        parts.append("is stopped, and started at the end")
    if load.idle:
        parts.append("its base load rests")
    if load.cpu is not None:
        parts.append(f"cpu +{_levels(f'{load.cpu.start:g}', f'{load.cpu.end:g}')} % of a core")
    if load.memory is not None:
        parts.append(f"memory +{_levels(format_size(load.memory.start), format_size(load.memory.end))}")
    if load.disk is not None:
        parts.append(f"disk +{_levels(format_size(load.disk.start), format_size(load.disk.end))}/s written")
    return f"{load.container or container}: {', '.join(parts)}"


def _levels(start: str, end: str) -> str:
    return start if start == end else f"{start} to {end}"
