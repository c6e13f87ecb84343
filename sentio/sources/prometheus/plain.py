"""The answer of ``/api/v1/query_range`` through Python's objects: whatever it is, with a text for what is wrong."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from sentio.errors import SourceError
from sentio.sources.prometheus.interning import Interning
from sentio.sources.prometheus.notes import duplicate, histogram, too_many, warnings
from sentio.types import MILLISECOND, SECOND, Bools, Failure, Floats, Ints, Keys, Notes, Panel, SeriesKey, Window

TOLERANCE = MILLISECOND
"""How far from a time of the grid a sample may be; servers answer in milliseconds."""


def decode(body: bytes, window: Window, *, query: str, max_series: int, interning: Interning) -> Panel:
    """As `sentio.sources.prometheus.decode.decode`."""
    answer = _parse(body)
    keys, rows, failures = _series(answer, query, max_series, interning)
    values, dropped = _matrix(rows, window)
    return Panel(keys, window.times(), values, Notes(failures, warnings(answer), dropped, len(body)))


def _parse(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        start = body[:60].decode("utf-8", "replace").strip()
        if start.startswith("<"):
            text = f"answered a web page ({start!r}…); the address of a Prometheus API is expected"
            raise SourceError(text, reason="not_json", permanent=True) from error
        text = (
            f"answered JSON that breaks off or is damaged after {len(body)} bytes ({error}); a complete one is expected"
        )
        raise SourceError(text, reason="not_json") from error
    if not isinstance(answer, dict) or answer.get("status") != "success":
        text = f"answered {body[:80].decode('utf-8', 'replace')!r}; an answer with status success is expected"
        raise SourceError(text, reason="bad_answer")
    return answer


def _series(
    answer: dict[str, Any], query: str, max_series: int, interning: Interning
) -> tuple[Keys, list[list[Any]], tuple[Failure, ...]]:
    data = answer.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind != "matrix":
        raise SourceError(f"answered {f'a {kind}' if kind else 'no data'}; a matrix is expected", reason="bad_answer")
    if not isinstance(result, list):
        text = "answered a matrix without its result; a list of series is expected"
        raise SourceError(text, reason="bad_answer")
    rows: dict[SeriesKey, list[Any]] = {}
    failures: list[Failure] = []
    for i, series in enumerate(result[:max_series]):
        try:
            key = interning.key(series["metric"])
            row = series.get("values")
            if row is None and "histograms" not in series:
                raise KeyError("values")
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            text = f"series {i} of the answer is {str(series)[:80]!r}; metric and values are expected"
            raise SourceError(text, reason="bad_answer") from error
        if row is None:
            failures.append(histogram(key))
        elif key in rows:
            failures.append(duplicate(key))
        else:
            rows[key] = row
    failures += too_many(query, len(result), max_series)
    return tuple(rows), list(rows.values()), tuple(failures)


def _matrix(rows: list[list[Any]], window: Window) -> tuple[Floats, int]:
    """``[S, n]`` and how many samples were not finite."""
    values = np.full((len(rows), len(window)), np.nan)
    try:
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        total = int(counts.sum())
        seconds = np.fromiter((sample[0] for row in rows for sample in row), np.float64, total)
        numbers = np.fromiter((float(sample[1]) for row in rows for sample in row), np.float64, total)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        text = f'answered samples that cannot be read ({error}); [seconds, "number"] is expected'
        raise SourceError(text, reason="bad_answer") from error
    finite = np.isfinite(numbers)
    columns, fits = _columns(seconds, window)
    if not fits.all():
        text = (
            f"answered a sample at {seconds[~fits][0]:.3f}, which was not asked for; "
            f"times from {window.start / SECOND:.3f} in steps of {window.step / SECOND:g} s are expected"
        )
        raise SourceError(text, reason="bad_answer")
    series = np.repeat(np.arange(len(rows)), counts)
    values[series[finite], columns[finite]] = numbers[finite]
    return values, int(total - finite.sum())


def _columns(seconds: Floats, window: Window) -> tuple[Ints, Bools]:
    """For each time its column in the window, and whether it is one of the window's times."""
    # Milliseconds first: seconds times 1e9 would lose them in a double.
    whole = np.clip(np.nan_to_num(seconds, nan=-9e9), -9e9, 9e9)
    nanoseconds = np.rint(whole * 1000).astype(np.int64) * MILLISECOND
    columns = (nanoseconds - window.start + window.step // 2) // window.step
    off = np.abs(window.start + columns * window.step - nanoseconds)
    return columns, (columns >= 0) & (columns < len(window)) & (off <= TOLERANCE)
