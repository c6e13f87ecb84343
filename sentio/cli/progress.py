"""How far a command is."""

from __future__ import annotations

import sys
import time


class Progress:
    """A line on standard error that is written anew, where that is a terminal; gone at the end."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def __call__(self, what: str, done: int, of: int) -> None:
        if self._shown:
            line = f"\r\x1b[K{self._command}: {done} of {of} {what}, {time.monotonic() - self._began:.0f} s"
            print(line, end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
