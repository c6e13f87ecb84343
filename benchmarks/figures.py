"""Tables, quantiles, and the reaches that a benchmark must keep."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Reach:
    """A figure that is to stay below ``limit``, or above it where ``above``."""

    what: str
    seen: float
    limit: float
    unit: str
    above: bool = False

    @property
    def met(self) -> bool:
        return self.seen > self.limit if self.above else self.seen < self.limit

    def __str__(self) -> str:
        side = "above" if self.above else "below"
        verdict = "reached" if self.met else "MISSED"
        return f"{verdict}: {self.what}: {number(self.seen)} {self.unit}, {side} {number(self.limit)} is expected"


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--quick", action="store_true", help="fewer series and rounds: does it run, not how fast is it")
    return made


def verdict(reaches: Iterable[Reach]) -> int:
    """Prints each reach; the exit code."""
    found = list(reaches)
    print(*found, sep="\n")
    return 0 if all(reach.met for reach in found) else 1


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that ``share`` of them do not exceed."""
    return float(np.quantile(values, share, method="inverted_cdf"))


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table that Markdown understands; the first column is text, the others are figures."""
    cells = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|")
    print(f"\n{title}\n", *lines, "", sep="\n", flush=True)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
    )
    return "| " + " | ".join([first, *rest]) + " |"


def machine() -> str:
    """What the figures were seen on, and how busy it was with other things."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} CPUs ({names[0] if names else platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )
