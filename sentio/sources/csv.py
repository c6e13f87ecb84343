"""Reads a table of samples from a file, CSV or Parquet, and again where it has changed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

from pydantic import Field

from sentio.config.options import Options as Base
from sentio.errors import InputError, SensorsError, SourceError
from sentio.tables.changed import Kept
from sentio.tables.reader import Choice, open_table
from sentio.tables.whole import Samples, samples_of
from sentio.types import Panel, Window


class Csv:
    """A `sentio.contracts.Source` of one file. The query is ``*``, or sensors with commas between them."""

    class Options(Base):
        """Which file, and what its columns are."""

        path: Path
        """CSV, perhaps in gzip, or Parquet, by its ending."""
        timefield: str | None = None
        """The column of times; found where there is none."""
        sensors: tuple[Annotated[str, Field(min_length=1)], ...] = ()
        """The columns that ``*`` means; all with numbers where it is empty."""
        by: tuple[Annotated[str, Field(min_length=1)], ...] = ()
        """Columns of labels that tell series apart."""
        name: str | None = None
        """Of the series; that of the file, without its endings, where there is none."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._reading = threading.Lock()  # both ticks of a pipeline read
        self._kept = Kept(options.path, self._read)

    def read(self, query: str, window: Window) -> Panel:
        """`Source.read`: at each time the newest sample of the step that ends with it."""
        return self._current().read(query, window)

    def _current(self) -> Samples:
        """What the file has now."""
        try:
            with self._reading:
                return self._kept.now()
        except InputError as error:
            raise SourceError(str(error), reason="bad_answer", permanent=True) from error

    def _read(self, path: Path) -> Samples:
        o = self._options
        choice = Choice(o.timefield or "", o.sensors, o.by)
        with open_table(path, choice, now=0, name=o.name or "", growing=True) as table:
            if not table.timefield:
                raise SensorsError(f"{table.where}: has no column of times; one, or timefield, is expected")
            return samples_of(table)
