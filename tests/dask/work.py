"""Tasks for the tests of the Dask executor; its workers import them."""

from __future__ import annotations

import os
import time
from pathlib import Path


def double(x: int) -> int:
    return 2 * x


def slow_double(x: int) -> int:
    time.sleep(0.1)
    return 2 * x


def divide(x: int, y: int) -> float:
    return x / y


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def runs(told: str) -> list[int]:
    """The process ids of the workers that have begun a task."""
    path = Path(told)
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def hang_the_first_time(told: str) -> int:
    """How often it was begun."""
    _tell(told)
    if len(runs(told)) == 1:
        time.sleep(600)
    return len(runs(told))


def die(told: str) -> None:
    _tell(told)
    os._exit(9)


class CannotBeReadError(Exception):
    """Its arguments are not those that its constructor takes, so pickle cannot make it anew."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def raise_what_cannot_be_read() -> None:
    raise CannotBeReadError("it", "failed")


def give_what_cannot_be_sent() -> object:
    return lambda: None


def _tell(told: str) -> None:
    with Path(told).open("a") as file:
        file.write(f"{os.getpid()}\n")
