"""A sink of one's own: a line in a file for each series whose alert level has changed.

In a configuration: ``sinks: {lines: {type: "examples/own_sink.py:Lines", path: alerts.log, min_level: warning}}``.
"""

from __future__ import annotations

from pathlib import Path

from sentio.config.delivery import Delivery
from sentio.errors import SinkError
from sentio.reports import Report


class Lines:
    """Appends to ``path``."""

    class Options(Delivery):
        """Beside `min_level`, `retry_for` and the others that every sink has, what is this one's own."""

        path: str

    def __init__(self, options: Options) -> None:
        self.path = Path(options.path)

    def emit(self, report: Report) -> None:
        """One call for all series of a pipeline that have changed with one tick."""
        try:
            with self.path.open("a", encoding="utf-8") as file:
                for event in report.events:
                    file.write(f"{event.level_to.word} {report.pipeline} {event.key} {event.text}\n")
        except OSError as error:
            # It is called again with the same report, for as long as `retry_for` says; `permanent=True` gives it up.
            raise SinkError(f"{self.path}: cannot be written ({error})", reason="unreachable") from error
