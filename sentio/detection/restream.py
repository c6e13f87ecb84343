"""A table as a source whose samples come now: at their own pace, or so many times as fast."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from sentio.config.options import Options as Base
from sentio.errors import InputError, SourceError
from sentio.tables.reader import Choice, open_table
from sentio.tables.whole import Samples, samples_of
from sentio.types import Floats, Ints, Panel, Window


class Restreamed:
    """A `sentio.contracts.Source`. The sample that the table has at ``since`` comes at ``begin``, each other one so
    much sooner or later; ``speed`` times as fast."""

    class Options(Base):
        """Which table, and when it comes. Times in ns since the epoch."""

        path: str
        timefield: str = ""
        sensors: tuple[str, ...] = ()
        by: tuple[str, ...] = ()
        opened: int
        """When a table without times begins."""
        since: int
        begin: int
        speed: Annotated[float, Field(gt=0)]
        batch: Annotated[int, Field(ge=0)] = 0
        """So many rows at the beginning are there once more, as history that ends at ``history_end``."""
        history_end: int = 0

    def __init__(self, options: Options) -> None:
        self._options = options
        self._reading = threading.Lock()  # both ticks of a pipeline read
        self._samples: Samples | None = None

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`."""
        with self._reading:
            if self._samples is None:
                self._samples = self._read()
        return self._samples.read(query, window)

    def _read(self) -> Samples:
        o = self._options
        try:
            with open_table(Path(o.path), Choice(o.timefield, o.sensors, o.by), now=o.opened) as table:
                return moved(samples_of(table), o)
        except InputError as error:
            raise SourceError(str(error), reason="bad_answer", permanent=True) from error


def moved(samples: Samples, options: Restreamed.Options) -> Samples:
    """``samples`` at the times at which they come."""
    groups = {key: _moved(times, values, options) for key, (times, values) in samples.groups.items()}
    return Samples(samples.where, samples.name, samples.sensors, samples.by, groups)


def _moved(times: Ints, values: Floats, o: Restreamed.Options) -> tuple[Ints, Floats]:
    off = times - o.since
    # Whole steps stay whole where the speed is a whole number, or one over it: the quotient of ints is exact then.
    come = o.begin + (off // int(o.speed) if o.speed == int(o.speed) else np.round(off / o.speed).astype(np.int64))
    if not o.batch:
        return come, values
    first = slice(0, o.batch)
    history = come[first] - (come[first][-1] if len(come[first]) else 0) + o.history_end
    return np.concatenate([history, come]), np.concatenate([values[:, first], values], axis=1)
