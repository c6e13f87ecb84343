"""The answer of ``/api/v1/query_range``, decoded straight into a `Panel`."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np

from sentio.errors import SourceError
from sentio.types import SECOND, Bools, Failure, Floats, Ints, Keys, Notes, Panel, SeriesKey, Window, escape

_TOLERANCE = SECOND // 1000  # servers answer in milliseconds


class Interning:
    """Gives equal label sets the same `SeriesKey` object, so that comparing the keys of two ticks is cheap."""

    def __init__(self) -> None:
        self._known: dict[SeriesKey, SeriesKey] = {}

    def key(self, labels: dict[str, str]) -> SeriesKey:
        """Raises `TypeError` or `ValueError` where names and values are not all text that can be published."""
        key = SeriesKey.of(labels)
        known = self._known.get(key)
        if known is None:
            "".join((key.name, *chain.from_iterable(key.labels))).encode()
            if not all(name for name, _ in key.labels):
                raise ValueError("a label has no name")
            known = self._known.setdefault(key, key)
        return known

    def forget_beyond(self, count: int) -> None:
        """Bound what is remembered where label values keep changing."""
        if len(self._known) > count:
            self._known.clear()


def decode(body: bytes, window: Window, *, query: str, max_series: int, interning: Interning) -> Panel:
    """``body`` as a panel on the times of ``window``.

    A series that cannot be used (a native histogram, a label set that occurs twice, one beyond
    ``max_series``) becomes a `Failure`. Raises `SourceError` where the whole answer is of no use.
    """
    answer = _parse(body)
    keys, rows, failures = _series(answer, query, max_series, interning)
    values, dropped = _matrix(rows, window)
    return Panel(keys, window.times(), values, Notes(failures, _warnings(answer), dropped, len(body)))


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
            failures.append(_histogram(key))
        elif key in rows:
            text = "occurs twice in the answer, and the first is used; label sets that differ are expected"
            failures.append(Failure(str(key), "duplicate", text))
        else:
            rows[key] = row
    if (beyond := len(result) - max_series) > 0:
        text = (
            f"gives {len(result)} series, and max_series is {max_series}: "
            f"the last {beyond} are left out; narrow the query or raise max_series"
        )
        failures.append(Failure(query, "max_series", text, beyond))
    return tuple(rows), list(rows.values()), tuple(failures)


def _histogram(key: SeriesKey) -> Failure:
    text = (
        "is a native histogram; a query that makes numbers of it is expected, such as "
        f"histogram_quantile(0.9, rate({escape(key.name) or '…'}[5m]))"
    )
    return Failure(str(key), "histogram", text)


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
    nanoseconds = np.rint(whole * 1000).astype(np.int64) * (SECOND // 1000)
    columns = (nanoseconds - window.start + window.step // 2) // window.step
    off = np.abs(window.start + columns * window.step - nanoseconds)
    return columns, (columns >= 0) & (columns < len(window)) & (off <= _TOLERANCE)


def _warnings(answer: dict[str, Any]) -> str:
    """What the server says about completeness: Prometheus's and Thanos's warnings, VictoriaMetrics's isPartial."""
    warnings = answer.get("warnings") or []
    said = "; ".join(str(w) for w in warnings) if isinstance(warnings, list) else str(warnings)
    if answer.get("isPartial"):
        said = said or "the server calls its answer partial"
    return said[:500]
