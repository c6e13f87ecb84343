"""Arguments that several commands have, as argparse reads them, and the line that shows how far they are."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from sentio.config.durations import parse_delay, parse_duration

INTERRUPTED = 130
_SELDOM_S = 0.1


def duration(text: str) -> int:
    """ns, more than none."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def delay(text: str) -> int:
    """ns, perhaps none."""
    try:
        return parse_delay(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def moment(text: str) -> int:
    """ns since the epoch; UTC where the text names no zone."""
    from sentio.evaluation.samples import moment as read

    try:
        return read(text)
    except ValueError as error:
        wrong = f"is {text!r}; seconds since 1970, or a time such as 2024-05-01T12:00:00Z, is expected"
        raise argparse.ArgumentTypeError(wrong) from error


def workers(text: str) -> int:
    """How many processes."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"is {text!r}; a whole number from 1 is expected")
    return int(text)


@contextmanager
def orderly() -> Iterator[None]:
    """SIGTERM ends what is under way as Ctrl-C does: what is half written is gone."""

    def ended(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Line:
    """A line on standard error that is written anew, where that is a terminal; gone at the end."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._shown = sys.stderr.isatty()
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        if self._shown:
            line = f"\r\x1b[K{self._command}: {text}, {time.monotonic() - self._began:.0f} s"
            print(line, end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Progress(_Line):
    """How much of all is done."""

    def __call__(self, what: str, done: int, of: int) -> None:
        self.say(f"{done:,} of {of:,} {what}")


class Counter(_Line):
    """How much is done, where nobody knows of how much."""

    def __init__(self, command: str, what: str) -> None:
        super().__init__(command)
        self._what, self._said = what, 0.0

    def __call__(self, done: int) -> None:
        if time.monotonic() - self._said >= _SELDOM_S:
            self._said = time.monotonic()
            self.say(f"{done:,} {self._what}")
