"""How far a command is: a bar on a terminal, on standard error; gone at the end, and nothing where nobody watches."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

_COMPILED = logging.getLogger("sentio.compiled")


class _Shown(logging.Handler):
    """What is logged stands in the bar until there is something to count."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(logging.INFO)
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.say(record.getMessage())


class Progress:
    """Told how much of what is done, and of how much; None where nobody knows."""

    def __init__(self, command: str) -> None:
        self._command = command
        watched = sys.stderr.isatty()
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True), console=Console(stderr=True), transient=True,
            disable=not watched, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._shown = _Shown(self)
        self._level = _COMPILED.level

    def __call__(self, what: str, done: int, of: int | None = None) -> None:
        text = f"{done:,} {what}" if of is None else f"{done:,} of {of:,} {what}"
        self._bar.update(self._begun(), completed=done, total=of, done=text)

    def say(self, text: str) -> None:
        """In the place of what is done."""
        self._bar.update(self._begun(), done=text)

    def _begun(self) -> TaskID:
        if self._task is None:
            self._task = self._bar.add_task(self._command, total=None, done="")
        return self._task

    def __enter__(self) -> Self:
        if not self._bar.disable:
            self._level = _COMPILED.level
            _COMPILED.addHandler(self._shown)
            _COMPILED.setLevel(logging.INFO)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        _COMPILED.removeHandler(self._shown)
        _COMPILED.setLevel(self._level)
