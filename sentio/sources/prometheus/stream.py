"""The answer of ``/api/v1/query_range`` as a stream of bytes: no object is made of a sample.

The result's array is read by a kernel (`sentio.sources.prometheus.scan`). All around it, and what little stands in it
beside numbers, is still read by `json`, so that whatever is taken here is valid JSON. What the kernel does not know is
not taken: then there is no panel, and no error either.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from sentio.sources.prometheus.interning import Interning
from sentio.sources.prometheus.notes import duplicate, histogram, too_many, warnings
from sentio.sources.prometheus.scan import DROPPED, HISTOGRAMS, LABELS, braces, scan
from sentio.types import SECOND, Failure, Floats, Ints, Notes, Panel, SeriesKey, Window

_RESULT = re.compile(rb'"result"[ \t\n\r]*:[ \t\n\r]*(?=\[)')
_MARK = uuid.uuid4().hex
"""Stands for the result in the rest of an answer. No server knows it."""
_LATE = 1000
"""So many numbers of an answer are left to Python at most."""
_REFUSED = (TypeError, KeyError, AttributeError, ValueError, RecursionError)
"""What `json.loads` and `Interning.keys` raise."""


def decode(body: bytes, window: Window, *, query: str, max_series: int, interning: Interning) -> Panel | None:
    """As `sentio.sources.prometheus.plain.decode`; None where the answer is not as servers write it."""
    before = _RESULT.search(body)
    if before is None:
        return None
    scanned = _scan(body, before.end(), window, max_series)
    if scanned is None:
        return None
    values, series, end = scanned
    try:
        answer = json.loads(body[: before.end()] + f'"{_MARK}"'.encode() + body[end:])
        keys = interning.keys(_parts(body, series[:max_series, LABELS]))
        for part in chain(_parts(body, series[max_series:, LABELS]), _parts(body, series[:, HISTOGRAMS])):
            json.loads(part.decode("utf-8", "surrogatepass"))
    except _REFUSED:
        return None
    if not _is_matrix(answer):
        return None
    rows, failures = _rows(keys, series)
    used = np.fromiter(rows.values(), np.int64, len(rows))
    return Panel(
        tuple(keys[i] for i in rows.values()),
        window.times(),
        values if len(rows) == len(values) else values[used],
        Notes(
            (*failures, *too_many(query, len(series), max_series)),
            warnings(answer),
            int(series[used, DROPPED].sum()),
            len(body),
        ),
    )


def warm() -> None:
    """Compiles the kernels, or has them loaded; else the first answer would wait for it."""
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1"]]}]}}'
    decode(body, Window(0, 0, SECOND), query="", max_series=1, interning=Interning())


def _scan(body: bytes, at: int, window: Window, max_series: int) -> tuple[Floats, Ints, int] | None:
    """The values of at most ``max_series`` series, `scan`'s table of all of them, and where their array ends."""
    text = np.frombuffer(body, np.uint8)
    # A series has two braces at least, its own and those of its labels. What is too much of this is never touched.
    most = braces(text) // 2
    values = np.empty((min(most, max_series), len(window)))
    series = np.empty((most, 5), np.int64)
    late = np.empty((_LATE, 4), np.int64)
    count, end, waiting = scan(text, at, (window.start, window.step), values, series, late)
    if end == len(body):
        return None
    values.resize((min(count, max_series), len(window)), refcheck=False)
    series = series[:count]
    for row, column, first, last in late[:waiting].tolist():
        number = float(body[first:last])
        if not math.isfinite(number):
            series[row, DROPPED] += 1
        elif row < len(values):
            values[row, column] = number
    return values, series, end


def _parts(body: bytes, spans: Ints) -> Iterator[bytes]:
    """The parts of ``body`` that ``spans [k, 2]`` tell, from the first byte to that after the last."""
    return (body[first:last] for first, last in spans.tolist() if last)


def _is_matrix(answer: Any) -> bool:
    """Whether it is an answer of which the mark is the result."""
    data = answer.get("data") if isinstance(answer, dict) else None
    return (
        isinstance(data, dict)
        and answer.get("status") == "success"
        and data.get("resultType") == "matrix"
        and data.get("result") == _MARK
    )


def _rows(keys: list[SeriesKey], series: Ints) -> tuple[dict[int, int], list[Failure]]:
    """The rows that can be used, by the identity of their key, and why others cannot."""
    rows: dict[int, int] = {}
    failures = []
    for i, (key, dropped) in enumerate(zip(keys, series[: len(keys), DROPPED].tolist(), strict=True)):
        if dropped < 0:
            failures.append(histogram(key))
        elif rows.setdefault(id(key), i) != i:
            failures.append(duplicate(key))
    return rows, failures
