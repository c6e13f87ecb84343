"""Samples as an OpenMetrics file, which promtool turns into blocks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from sentio.demo.series import Series
from sentio.demo.text import time_texts, value_texts
from sentio.types import Ints


def write_openmetrics(path: Path, series: Iterable[Series]) -> None:
    """All samples, every metric as a gauge. NaN is written as a sample. Raises `OSError`."""
    ordered = sorted(series, key=lambda one: one.key)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for name, of_one_metric in groupby(ordered, key=lambda one: one.key.name):
            file.write(f"# TYPE {name} gauge\n")
            for one in of_one_metric:
                file.write(_lines(one))
        file.write("# EOF\n")


def _lines(series: Series) -> str:
    head = str(series.key).replace("%", "%%")
    pairs = zip(value_texts(series.values), _timestamps(series.times), strict=True)
    return "".join(map(f"{head} %s %s\n".__mod__, pairs))


def _timestamps(times: Ints) -> list[str]:
    """Promtool cuts seconds × 1000 off to milliseconds, and 0.123 × 1000 may lie just below 123: a further
    digit keeps each one where it belongs."""
    return [f"{text}3" if "." in text else text for text in time_texts(times)]
