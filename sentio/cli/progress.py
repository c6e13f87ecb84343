"""How far a command is: a bar on a terminal, on standard error; gone at the end, and nothing where nobody watches."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


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

    def __call__(self, what: str, done: int, of: int | None = None) -> None:
        if self._task is None:
            self._task = self._bar.add_task(self._command, total=of, done="")
        text = f"{done:,} {what}" if of is None else f"{done:,} of {of:,} {what}"
        self._bar.update(self._task, completed=done, total=of, done=text)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
