"""What a scenario does when: phases with their times, and the pieces of load that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sentio.scenario.shape import Load, Phase, Scenario
from sentio.types import SECOND

STEPS = 6
"""Of a load that goes from one level to another."""

_MIB = 2**20

Span = tuple[int, int]


@dataclass(frozen=True)
class Stress:
    """More of each: percent of one core, MiB held, MiB written per second."""

    cpu: int = 0
    memory: int = 0
    disk: float = 0.0

    def __add__(self, other: Stress) -> Stress:
        return Stress(self.cpu + other.cpu, self.memory + other.memory, self.disk + other.disk)


@dataclass(frozen=True)
class Idle:
    """The base load rests."""


@dataclass(frozen=True)
class Stop:
    """The container does not run."""


@dataclass(frozen=True)
class Piece:
    """Something done to one container for some time; nanoseconds since the scenario began."""

    name: str
    """Its own among all pieces of a run."""
    container: str
    start: int
    end: int
    what: Stress | Idle | Stop

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / SECOND


@dataclass(frozen=True)
class Expected:
    """One series, and what should be said of it: above, below, missing."""

    container: str
    query: str
    verdict: str


@dataclass(frozen=True)
class Act:
    """A phase with its times; of ``expected``, nothing means that all is as it always is."""

    phase: Phase
    start: int
    end: int
    container: str
    """The scenario's own."""
    pieces: tuple[Piece, ...]
    expected: tuple[Expected, ...]

    @property
    def name(self) -> str:
        return self.phase.name


def timeline(scenario: Scenario, container: str | None = None, length: int | None = None) -> tuple[Act, ...]:
    """The acts of a scenario, one after the other.

    ``container`` is in place of the scenario's own; ``length`` makes all phases shorter or longer in proportion.
    """
    mine = container or scenario.container
    whole = scenario.length
    goal = whole if length is None else length
    acts: list[Act] = []
    past = 0
    for number, phase in enumerate(scenario.phases):
        start = past * goal // whole
        past += phase.length
        acts.append(_act(phase, f"phase{number}", start, past * goal // whole, mine))
    return tuple(acts)


def _act(phase: Phase, name: str, start: int, end: int, mine: str) -> Act:
    pieces = [piece for i, load in enumerate(phase.load) for piece in _pieces(load, f"{name}-{i}", start, end, mine)]
    expected = tuple(Expected(one.container or mine, one.query, one.verdict) for one in phase.expect)
    return Act(phase, start, end, mine, tuple(pieces), expected)


def _pieces(load: Load, name: str, start: int, end: int, mine: str) -> Iterator[Piece]:
    container = load.container or mine
    if load.stop:
        yield Piece(f"{name}-stop", container, start, end, Stop())
    if load.idle:
        yield Piece(f"{name}-idle", container, start, end, Idle())
    spans: dict[Span, Stress] = {}
    for span, stress in _stresses(load, start, end):
        spans[span] = spans.get(span, Stress()) + stress
    for number, (span, stress) in enumerate(spans.items()):
        yield Piece(f"{name}-{number}", container, *span, stress)


def _stresses(load: Load, start: int, end: int) -> Iterator[tuple[Span, Stress]]:
    if load.cpu is not None:
        for span, percent in _steps(load.cpu.start, load.cpu.end, start, end):
            yield span, Stress(cpu=max(1, round(percent)))
    if load.memory is not None:
        for span, mib in _layers(_mib(load.memory.start), _mib(load.memory.end), start, end):
            yield span, Stress(memory=mib)
    if load.disk is not None:
        for span, size in _steps(load.disk.start, load.disk.end, start, end):
            yield span, Stress(disk=size / _MIB)


def _mib(size: int) -> int:
    """Rounded up: a little is not nothing."""
    return -(-size // _MIB)


def _steps(low: float, high: float, start: int, end: int) -> Iterator[tuple[Span, float]]:
    """One level after the other, each with its times; none where it is 0."""
    count = 1 if low == high else STEPS
    for i in range(count):
        level = low + (high - low) * i / max(1, count - 1)
        if level > 0:
            yield _part(start, end, i, count), level


def _layers(low: int, high: int, start: int, end: int) -> Iterator[tuple[Span, int]]:
    """Layers whose sum goes from ``low`` to ``high``, each with its times.

    Memory that is held is not let go to be taken again: the way up has no dips.
    """
    if min(low, high):
        yield (start, end), min(low, high)
    levels = [low + (high - low) * i // (STEPS - 1) for i in range(STEPS)]
    for i, (before, after) in enumerate(pairwise(levels), 1):
        at, _ = _part(start, end, i, STEPS)
        if after > before:
            yield (at, end), after - before
        elif before > after:
            yield (start, at), before - after


def _part(start: int, end: int, i: int, count: int) -> Span:
    return start + (end - start) * i // count, start + (end - start) * (i + 1) // count
