"""Arguments that several commands have, as argparse reads them."""

from __future__ import annotations

import argparse
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from sentio.config.durations import parse_delay, parse_duration
from sentio.config.listen import parse_listen

INTERRUPTED = 130


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


def address(text: str) -> str:
    """What `parse_listen` understands."""
    try:
        parse_listen(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def moment(text: str) -> int:
    """ns since the epoch; UTC where the text names no zone."""
    from sentio.evaluation.samples import moment as read

    try:
        return read(text)
    except ValueError as error:
        wrong = f"is {text!r}; seconds since 1970, or a time such as 2024-05-01T12:00:00Z, is expected"
        raise argparse.ArgumentTypeError(wrong) from error


def number(text: str) -> float:
    """A finite one."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise argparse.ArgumentTypeError(f"is {text!r}; a finite number, such as 1.5, is expected")
    return found


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
