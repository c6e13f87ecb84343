"""A small picture of a series: its band, what was expected, what came, and where that lay outside."""

from __future__ import annotations

import numpy as np

from sentio.types import Floats

_WIDTH, _HEIGHT, _MARGIN = 220, 36, 3


def picture(values: Floats) -> str:
    """SVG from ``values [4, n]``: sample, yhat, lower, upper; NaN leaves a gap."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ""
    low, high = float(finite.min()), float(finite.max())
    span = high - low or 1.0
    x = np.linspace(0, _WIDTH, values.shape[1])
    y = _HEIGHT - _MARGIN - (values - low) / span * (_HEIGHT - 2 * _MARGIN)
    sample, yhat, lower, upper = y
    band = np.isfinite(lower) & np.isfinite(upper)
    outline = np.r_[np.c_[x[band], lower[band]], np.c_[x[band], upper[band]][::-1]]
    outside = np.flatnonzero(np.isfinite(sample) & ((values[0] < values[2]) | (values[0] > values[3])))
    dots = "".join(f'<circle cx="{x[i]:.1f}" cy="{sample[i]:.1f}" r="2"/>' for i in outside.tolist())
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
        f'<polygon points="{_points(outline)}"/>'
        f'<path class="expected" d="{_path(x, yhat)}"/><path class="came" d="{_path(x, sample)}"/>{dots}</svg>'
    )


def _points(corners: Floats) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in corners.tolist())


def _path(x: Floats, y: Floats) -> str:
    """A line through each run of numbers; a run of one is a dot, as long as its round ends."""
    there = np.flatnonzero(np.isfinite(y))
    runs = np.split(there, np.flatnonzero(np.diff(there) > 1) + 1)
    return "".join(_run(x[run].tolist(), y[run].tolist()) for run in runs if len(run))


def _run(x: list[float], y: list[float]) -> str:
    points = [f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)]
    return f"M{'L'.join(points)}" + ("h.01" if len(points) == 1 else "")
