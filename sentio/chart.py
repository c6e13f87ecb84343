"""A picture of an alert as PNG: the last samples, what was expected, the band, and what lay outside."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np

from sentio.types import Event

_INCHES, _DPI = (4.8, 1.6), 100
"""480 × 160 pixels."""
_BAND, _EXPECTED, _CAME, _OUTSIDE = "#cfe0f5", "#5b8dc9", "#333333", "#d0342c"
_drawing = threading.Lock()  # Matplotlib's fonts are shared, and not made for threads


def png(event: Event) -> bytes:
    """The picture of ``event.recent``; empty where it holds no sample."""
    if not np.isfinite(event.recent[0]).any():
        return b""
    # Here, not above: it takes half a second, and most configurations send no picture. No pyplot, which keeps every
    # figure for a window that never comes.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _drawing:
        figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, event)
        out = io.BytesIO()
        figure.savefig(out, format="png")
    return out.getvalue()


def _draw(figure: Any, event: Event) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes = figure.add_subplot()
    samples, yhat, lower, upper = event.recent.astype(float)
    steps = np.arange(1 - len(samples), 1, dtype=np.int64)
    times = (event.at + steps * event.step).astype("datetime64[ns]")
    axes.fill_between(times, lower, upper, color=_BAND, linewidth=0)
    axes.plot(times, yhat, color=_EXPECTED, linewidth=1, linestyle="--")
    axes.plot(times, samples, color=_CAME, linewidth=1.2)
    outside = (samples < lower) | (samples > upper)
    axes.plot(times[outside], samples[outside], ".", color=_OUTSIDE, markersize=6)
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call] # Matplotlib's are not typed
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call] # as above
    axes.tick_params(labelsize=7)
    axes.xaxis.get_offset_text().set_size(7)
    axes.margins(x=0.01)
    for edge in ("top", "right"):
        axes.spines[edge].set_visible(False)
