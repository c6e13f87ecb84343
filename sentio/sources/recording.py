"""Reads what `sentio record` has written."""

from __future__ import annotations

import threading
from pathlib import Path

from sentio.config.durations import format_duration
from sentio.config.misfit import show
from sentio.config.options import Options as Base
from sentio.errors import InputError, SourceError
from sentio.tables.changed import Kept
from sentio.tables.recording import Recorded
from sentio.types import Panel, Window

_ALL = "*"


class Recording:
    """A `sentio.contracts.Source` of one recording. The query is ``*``, or the one that was recorded."""

    class Options(Base):
        """Which file."""

        path: Path
        """What ``sentio record --out`` has written."""

    def __init__(self, options: Options) -> None:
        self._path = options.path
        self._kept = Kept(options.path, Recorded)
        self._reading = threading.Lock()  # both ticks of a pipeline read

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`: the samples of exactly these times."""
        try:
            with self._reading:
                recorded = self._kept.now()
                self._check(recorded, query, window)
                return recorded.read(window)
        except InputError as error:
            raise SourceError(str(error), reason="bad_answer", permanent=True) from error

    def _check(self, recorded: Recorded, query: str, window: Window) -> None:
        if query.strip() not in (_ALL, recorded.query):
            text = f"{self._path}: has no {show(query)}; {show(recorded.query)}, which was recorded, or * is expected"
            raise SourceError(text, reason="bad_query", permanent=True)
        if window.step % recorded.step or window.start % recorded.step:
            step = format_duration(recorded.step)
            text = f"{self._path}: was recorded every {step}; a step that is a multiple of that is expected, not "
            raise SourceError(text + format_duration(window.step), reason="bad_query", permanent=True)
