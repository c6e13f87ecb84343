"""Where the time of a call goes, by stage: wall, and CPU of this process and of its workers."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sentio.types import Floats

_TICKS = os.sysconf("SC_CLK_TCK")


class Stages:
    """``spent``: seconds ``[wall, CPU]`` of each stage; what one does within another is the inner one's alone.

    ``workers``: the processes whose CPU counts, too.
    """

    def __init__(self, workers: Callable[[], Iterable[int]]) -> None:
        self.spent: dict[str, Floats] = {}
        self._workers = workers
        self._under_way: list[str] = []
        self._since = np.zeros(2)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is done meanwhile belongs to ``name``."""
        self._settle()
        self._under_way.append(name)
        try:
            yield
        finally:
            self._settle()
            self._under_way.pop()

    def watch(self, owner: Any, attribute: str, name: str) -> None:
        """Have each call of ``owner.attribute`` belong to the stage ``name``."""
        real = getattr(owner, attribute)

        @functools.wraps(real)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return real(*args, **kwargs)

        setattr(owner, attribute, watched)

    def _settle(self) -> None:
        now = np.array([time.perf_counter(), time.process_time() + sum(map(_cpu, self._workers()))])
        if self._under_way:
            name = self._under_way[-1]
            self.spent[name] = self.spent.get(name, np.zeros(2)) + now - self._since
        self._since = now


def _cpu(pid: int) -> float:
    """Seconds that ``pid`` has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
