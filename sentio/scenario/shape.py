"""The shape of a scenario's file. What is here has been validated; durations are nanoseconds, sizes bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from sentio.config.durations import Duration, format_duration, format_size, parse_size
from sentio.config.misfit import Loc, misfit, misfits, show
from sentio.config.options import Options
from sentio.types import SECOND

LONGEST = 24 * 3600 * SECOND
"""Of a whole scenario."""

MAX_PHASES = 100
MAX_CPU = 1000.0
MAX_MEMORY = 2**29
MAX_DISK = 2**30

_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_PHASE = re.compile(r"[a-z0-9][a-z0-9-]*")


def parse_container(text: str) -> str:
    """The name of a container. Raises `ValueError` (a `misfit`) where Docker would know none of that name."""
    if not _CONTAINER.fullmatch(text):
        raise misfit(f"is {show(text)}", "a container's name (letters, digits and _ . -) is expected")
    return text


def _phase_name(text: str) -> str:
    if not _PHASE.fullmatch(text):
        raise misfit(f"is {show(text)}", "lower-case letters, digits and - are expected, a letter or digit first")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise misfit("is empty", "a sentence is expected")
    return text


def _percent(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_CPU:
        raise misfit(f"is {show(value)}", f"percent of one core, above 0 and up to {MAX_CPU:g}, is expected")
    return float(value)


def _size_up_to(most: int, value: object) -> int:
    size = parse_size(value)
    if size > most:
        raise misfit(f"is {format_size(size)}", f"at most {format_size(most)} is expected")
    return size


def _at_least_a_second(length: int) -> int:
    if length < SECOND:
        raise misfit(f"is {format_duration(length)}", "at least 1s is expected")
    return length


Container = Annotated[str, AfterValidator(parse_container)]
Percent = Annotated[float, BeforeValidator(_percent)]
Memory = Annotated[int, BeforeValidator(lambda value: _size_up_to(MAX_MEMORY, value))]
Disk = Annotated[int, BeforeValidator(lambda value: _size_up_to(MAX_DISK, value))]


class Range(Options):
    """A level that goes from one value to another in the course of a phase; a bare value in the file is both ends."""

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Range:
        if not self.model_fields_set:
            raise misfit("is empty", "from, to or both are expected")
        return self


class CpuRange(Range):
    """Percent of one core."""

    start: Percent = Field(default=0.0, alias="from")
    end: Percent = Field(default=0.0, alias="to")


class MemoryRange(Range):
    """Bytes held."""

    start: Memory = Field(default=0, alias="from")
    end: Memory = Field(default=0, alias="to")


class DiskRange(Range):
    """Bytes written per second."""

    start: Disk = Field(default=0, alias="from")
    end: Disk = Field(default=0, alias="to")


class Load(Options):
    """What one container is made to do, on top of what it does by itself."""

    container: Container | None = None
    """None for the scenario's."""
    cpu: CpuRange | None = None
    memory: MemoryRange | None = None
    disk: DiskRange | None = None
    idle: bool = False
    """It does not even what it does by itself."""
    stop: bool = False
    """It is stopped, and started at the end of the phase."""

    @model_validator(mode="after")
    def _one_thing(self) -> Load:
        levels = [name for name in ("cpu", "memory", "disk") if getattr(self, name) is not None]
        if not levels and not self.idle and not self.stop:
            raise misfit("asks for nothing", "cpu, memory, disk, idle: true or stop: true is expected")
        beside = [*levels, *(["idle"] if self.idle else [])]
        if self.stop and beside:
            raise misfits((("stop",), misfit(f"is there with {beside[0]}", "nothing beside stop is expected")))
        return self


class Expectation(Options):
    """What a detector should say about one series in the course of a phase."""

    query: Literal["cpu", "memory", "disk"]
    verdict: Literal["above", "below", "missing"] = Field(alias="is")
    container: Container | None = None
    """None for the scenario's."""


class Phase(Options):
    """A part of the scenario in which one thing happens."""

    name: Annotated[str, AfterValidator(_phase_name)]
    length: Annotated[Duration, AfterValidator(_at_least_a_second)] = Field(alias="for")
    load: tuple[Load, ...] = ()
    expect: tuple[Expectation, ...] = ()
    """None of them: all is as it always is."""


def _some(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    # Pydantic's own limits would count only the phases in which nothing is wrong.
    if not 1 <= len(phases) <= MAX_PHASES:
        raise misfit(f"has {len(phases)} entries", f"1 to {MAX_PHASES} are expected")
    return phases


class Scenario(Options):
    """All of it."""

    description: Annotated[str, AfterValidator(_not_blank)]
    container: Container
    """Of whatever names none itself."""
    phases: Annotated[tuple[Phase, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        found = [*self._same_phase(), *self._same_container(), *self._same_series(), *self._too_long()]
        if found:
            raise misfits(*found)
        return self

    @property
    def length(self) -> int:
        return sum(phase.length for phase in self.phases)

    @property
    def containers_only(self) -> str | None:
        """Why this cannot be done without containers; None where it can."""
        for phase in self.phases:
            for load in phase.load:
                if load.idle or load.stop:
                    return f"phase {phase.name} {'stops' if load.stop else 'idles'} a container"
                if load.container not in (None, self.container):
                    return f"phase {phase.name} loads a second container, {load.container}"
        return None

    def _same_phase(self) -> Iterator[tuple[Loc, PydanticCustomError]]:
        for i, again in _repeated([phase.name for phase in self.phases]):
            yield ("phases", i, "name"), misfit(f"is that of phases[{again}]", "a name of its own is expected")

    def _same_container(self) -> Iterator[tuple[Loc, PydanticCustomError]]:
        for p, phase in enumerate(self.phases):
            names = [load.container or self.container for load in phase.load]
            for i, again in _repeated(names):
                wrong = f"loads {names[i]}, as load[{again}] does"
                yield ("phases", p, "load", i), misfit(wrong, "one load a container is expected")

    def _same_series(self) -> Iterator[tuple[Loc, PydanticCustomError]]:
        for p, phase in enumerate(self.phases):
            series = [(one.query, one.container or self.container) for one in phase.expect]
            for i, again in _repeated(series):
                wrong = f"is about {' of '.join(series[i])}, as expect[{again}] is"
                yield ("phases", p, "expect", i), misfit(wrong, "one expectation a series is expected")

    def _too_long(self) -> Iterator[tuple[Loc, PydanticCustomError]]:
        if self.length > LONGEST:
            wrong = f"last {format_duration(self.length)} together"
            yield ("phases",), misfit(wrong, f"at most {format_duration(LONGEST)} is expected")


def _repeated(items: Sequence[object]) -> Iterator[tuple[int, int]]:
    """The index of each that was there before, and where."""
    for i, item in enumerate(items):
        if (first := items.index(item)) < i:
            yield i, first
