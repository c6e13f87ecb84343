"""The answer of ``/api/v1/query_range``, decoded straight into a `Panel`.

In one of two ways that give the same: as a stream of bytes, where the answer is as servers write it, or through
Python's objects, where it is otherwise, or wrong (docs/decisions/0013-streaming-decoder.md).
"""

from __future__ import annotations

from sentio.sources.prometheus import plain
from sentio.sources.prometheus.interning import Interning
from sentio.types import Panel, Window

_LARGE = 64 * 1024
"""Bytes. What is smaller takes a millisecond or two either way, and nobody with a few series waits for a compiler."""


def decode(body: bytes, window: Window, *, query: str, max_series: int, interning: Interning) -> Panel:
    """``body`` as a panel on the times of ``window``.

    A series that cannot be used (a native histogram, a label set that occurs twice, one beyond
    ``max_series``) becomes a `Failure`. Raises `SourceError` where the whole answer is of no use.
    """
    if len(body) >= _LARGE:
        # Here, not above: it brings Numba along, and `sentio check` needs none.
        from sentio.sources.prometheus import stream

        panel = stream.decode(body, window, query=query, max_series=max_series, interning=interning)
        if panel is not None:
            return panel
    return plain.decode(body, window, query=query, max_series=max_series, interning=interning)
