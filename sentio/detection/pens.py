"""One drawing, as SVG or as PNG: lines, areas, dots and text in pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_FINE = 2
"""A PNG is drawn so many times as large and then made smaller, which smooths the edges."""


class Pen(Protocol):
    """Colours are ``#rrggbb``."""

    def line(self, points: Sequence[Point], colour: str, width: float) -> None: ...

    def area(self, points: Sequence[Point], colour: str) -> None: ...

    def dot(self, point: Point, colour: str, radius: float, title: str) -> None:
        """``title`` is shown where one points at it."""
        ...

    def text(self, point: Point, text: str, colour: str, *, size: int = 12, end: bool = False) -> None:
        """On a base line, to the right of ``point``, or to its left with ``end``."""
        ...


class Svg:
    """A `Pen`; ``document`` is the picture."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._parts: list[str] = []

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        self._parts.append(
            f'<polyline points="{_pairs(points)}" fill="none" stroke="{colour}" stroke-width="{width}" '
            'stroke-linejoin="round"/>'
        )

    def area(self, points: Sequence[Point], colour: str) -> None:
        self._parts.append(f'<polygon points="{_pairs(points)}" fill="{colour}"/>')

    def dot(self, point: Point, colour: str, radius: float, title: str) -> None:
        x, y = point
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"><title>{escape(title)}</title></circle>'
        )

    def text(self, point: Point, text: str, colour: str, *, size: int = 12, end: bool = False) -> None:
        x, y = point
        anchor = ' text-anchor="end"' if end else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}"{anchor}>{escape(text)}</text>'
        )

    @property
    def document(self) -> str:
        width, height = self._size
        return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(self._parts)}</svg>'


def _pairs(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


class Png:
    """A `Pen`; ``document`` is the picture."""

    def __init__(self, width: int, height: int, paper: str) -> None:
        self._image = Image.new("RGB", (width * _FINE, height * _FINE), paper)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        if len(points) > 1:
            self._draw.line(_finer(points), colour, max(1, round(width * _FINE)), joint="curve")

    def area(self, points: Sequence[Point], colour: str) -> None:
        if len(points) > 2:
            self._draw.polygon(_finer(points), colour)

    def dot(self, point: Point, colour: str, radius: float, title: str) -> None:
        del title  # nobody can point at it
        self._draw.circle(_finer([point])[0], radius * _FINE, colour)

    def text(self, point: Point, text: str, colour: str, *, size: int = 12, end: bool = False) -> None:
        font = _own(size * _FINE) if text.isascii() else _other(size * _FINE)
        self._draw.text(_finer([point])[0], text, colour, font, "rs" if end else "ls")

    @property
    def document(self) -> bytes:
        out = io.BytesIO()
        self._image.reduce(_FINE).save(out, format="PNG", optimize=True)
        return out.getvalue()


@cache
def _own(size: int) -> Font:
    """The one that Pillow brings. It has no letters beyond ASCII: it draws a box for each."""
    return ImageFont.load_default(size)


@cache
def _other(size: int) -> Font:
    """For other letters, where there is one."""
    for where in _dejavu():
        with suppress(OSError):
            return ImageFont.truetype(where, size)
    return _own(size)


def _dejavu() -> Iterator[Path | str]:
    """DejaVu Sans: matplotlib has it, which Prophet brings along; else by its name in the system's folders."""
    spec = find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(folder, "mpl-data/fonts/ttf/DejaVuSans.ttf")
    yield "DejaVuSans.ttf"


def _finer(points: Sequence[Point]) -> list[Point]:
    return [(x * _FINE, y * _FINE) for x, y in points]
