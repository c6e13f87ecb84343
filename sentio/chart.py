"""A picture of an alert as PNG: the last samples, what was expected, the band, and what lay outside."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sentio.message import moment, number
from sentio.reports import Event
from sentio.types import Bools, Floats

SIZE = (480, 160)
_FINE = 3
"""It is drawn so many times as large and then made smaller, which smooths the edges; Pillow's own are jagged."""
_TOP, _RIGHT, _BOTTOM, _LEFT = 10, 470, 138, 8
"""Pixels. What is drawn lies between these, and right of the numbers."""
_TEXT, _GAP = 11, 6
_FLAT = 1e-6
"""A smaller part of the numbers than this is not shown as a change: they are single precision."""
_PAPER, _LINES, _WORDS = "#ffffff", "#e4e4e4", "#666666"
_BAND, _EXPECTED, _CAME, _OUTSIDE = "#cfe0f5", "#5b8dc9", "#333333", "#d0342c"

Points = list[tuple[float, float]]


def png(event: Event) -> bytes:
    """The picture of ``event.recent``; empty where it holds no sample."""
    values = np.where(np.isfinite(event.recent), event.recent, np.nan).astype(float)
    if np.isnan(values[0]).all():
        return b""
    known = ~np.isnan(values).all(axis=0)
    values = values[:, np.argmax(known) :]  # a series that is new begins at the left, too
    image = Image.new("RGB", (SIZE[0] * _FINE, SIZE[1] * _FINE), _PAPER)
    _draw(_Pen(ImageDraw.Draw(image)), values, event)
    out = io.BytesIO()
    image.reduce(_FINE).save(out, format="PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Draws in pixels of the finished picture."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def line(self, points: Points, colour: str, width: float) -> None:
        self._draw.line(_finer(points), colour, round(width * _FINE), joint="curve")

    def area(self, points: Points, colour: str) -> None:
        self._draw.polygon(_finer(points), colour)

    def dot(self, point: tuple[float, float], colour: str, radius: float) -> None:
        self._draw.circle(_finer([point])[0], radius * _FINE, colour)

    def text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._draw.text(_finer([(x, y)])[0], text, _WORDS, _font(), anchor)


def _finer(points: Points) -> Points:
    """The middle of each pixel, so that a line one pixel wide fills one row."""
    return [(x * _FINE + _FINE // 2, y * _FINE + _FINE // 2) for x, y in points]


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The one that Pillow brings: no font has to be installed."""
    return ImageFont.load_default(_TEXT * _FINE)


def _draw(pen: _Pen, values: Floats, event: Event) -> None:
    heights = _heights(values)
    left = _frame(pen, _labels(values, heights))
    xs = np.linspace(_RIGHT, left, values.shape[1])[::-1].tolist()  # the newest at the right, also where it is alone
    came, expected, lower, upper = (list(zip(xs, row, strict=True)) for row in heights.tolist())
    for run in _runs(~np.isnan(values[2]) & ~np.isnan(values[3])):
        pen.area(upper[run] + lower[run][::-1], _BAND)
        if run.stop - run.start == 1:  # an area without a width
            pen.line([upper[run.start], lower[run.start]], _BAND, 4)
    _curve(pen, expected, ~np.isnan(values[1]), _EXPECTED, 1)
    _curve(pen, came, ~np.isnan(values[0]), _CAME, 1.5)
    outside = (values[0] < values[2]) | (values[0] > values[3])
    for i in np.flatnonzero(outside).tolist():
        pen.dot(came[i], _OUTSIDE, 2.2)
    newest = np.flatnonzero(~np.isnan(values[0]))[-1]
    pen.dot(came[newest], _PAPER, 5)
    pen.dot(came[newest], _OUTSIDE if outside[newest] else _CAME, 3.6)
    if len(xs) > 1:
        pen.text(left, SIZE[1] - _GAP, moment(event.at - (len(xs) - 1) * event.step), "ls")
    pen.text(_RIGHT, SIZE[1] - _GAP, moment(event.at), "rs")


def _frame(pen: _Pen, labels: dict[str, float]) -> float:
    """A line at each number; gives where they begin, which is right of the longest number."""
    left = _LEFT + max(map(_font().getlength, labels)) / _FINE + _GAP
    for text, y in labels.items():
        pen.line([(left, y), (_RIGHT, y)], _LINES, 1)
        pen.text(left - _GAP, y, text, "rm")
    return left


def _curve(pen: _Pen, points: Points, there: Bools, colour: str, width: float) -> None:
    for run in _runs(there):
        pen.line(points[run], colour, width)
        if run.stop - run.start == 1:  # a line without a length
            pen.dot(points[run.start], colour, width)


def _heights(values: Floats) -> Floats:
    """Their pixels from above. The sums stay finite for the largest numbers, for they are parts of the largest."""
    parts = values / (np.nanmax(np.abs(values)) or 1.0)
    low, high = np.nanmin(parts), np.nanmax(parts)
    from_the_middle = (parts - (low + high) / 2) / max(high - low, _FLAT)
    return np.asarray((_TOP + _BOTTOM) / 2 - from_the_middle * (_BOTTOM - _TOP))


def _labels(values: Floats, heights: Floats) -> dict[str, float]:
    """The least and the greatest number and where they lie; one of them where nothing changes."""
    return {
        number(float(np.nanmin(values))): float(np.nanmax(heights)),
        number(float(np.nanmax(values))): float(np.nanmin(heights)),
    }


def _runs(there: Bools) -> Iterator[slice]:
    """Where it is true, without a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]))).tolist()
    return (slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True))
