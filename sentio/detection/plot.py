"""What was found in a table, as a page or a picture: each series with its band, and what of it is anomalous."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from sentio.detection.found import Episode, Found
from sentio.detection.pens import Pen, Png, Svg
from sentio.detection.roll import Roll
from sentio.detection.run import Scored
from sentio.detection.thin import Curve, Thin
from sentio.message import number
from sentio.tables.times import iso
from sentio.types import LOWER, UPPER, Floats, SeriesKey

_WIDTH, _HEIGHT = 1100, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 1088, 32, 164
_TICKS = 5
_MOST = 200
"""Series that are drawn, those with the most episodes first."""
_PAPER, _WORDS, _FAINT, _LINES = "#ffffff", "#24292f", "#6e7781", "#e6e8eb"
_BAND, _CAME, _ODD = "#cfe0f5", "#3b4a5a", "#d0342c"
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#24292f}"
    "h1{font-size:1.4rem}svg{width:100%;height:auto;display:block;margin:0 0 .5rem}"
    "circle:hover{stroke:#d0342c;stroke-width:5}table{border-collapse:collapse;margin:1rem 0 2rem}"
    "th,td{padding:.15rem 1rem .15rem 0;text-align:left;font-variant-numeric:tabular-nums}th{font-weight:600}"
    "td.n,th.n{text-align:right}p{color:#6e7781}"
)


class Curves:
    """Hears of all rows, and keeps of each series of ``roll`` what a picture shows."""

    def __init__(self, roll: Roll) -> None:
        self._roll, self._thin = roll, Thin()
        self._numbers: dict[SeriesKey, int] = {}

    def add(self, scored: Scored) -> None:
        """Take the next rows."""
        rows = scored.rows
        none = np.full(rows.values.shape, np.nan)
        lower, upper = (scored.further.get(name, none) for name in (LOWER, UPPER))
        series, times = self._roll.numbers(rows), np.broadcast_to(rows.times, rows.values.shape)
        there = np.isfinite(rows.values)
        self._thin.add(series[there], times[there], rows.values[there], lower[there], upper[there])
        odd = there & (scored.flag == 1)
        self._thin.flag(series[odd], times[odd], rows.values[odd], scored.standard[odd])

    def end(self) -> None:
        """There are no more rows."""
        self._thin.end()
        self._numbers = {key: number for number, key in enumerate(self._roll.keys)}

    def of(self, key: SeriesKey) -> Curve:
        """The whole curve of one series, after the `end`."""
        return self._thin.curve(self._numbers[key])


class _Frame(NamedTuple):
    """Where times and values lie in pixels."""

    first: float
    last: float
    low: float
    high: float
    top: float

    def x(self, times: Floats) -> Floats:
        return _LEFT + (times - self.first) / max(self.last - self.first, 1.0) * (_RIGHT - _LEFT)

    def y(self, values: Floats) -> Floats:
        # As parts of the largest, so that no difference of large numbers is infinite.
        most = max(abs(self.low), abs(self.high), 1e-300)
        low, high = self.low / most, self.high / most
        return (
            self.top + _BOTTOM - (np.clip(values / most, low, high) - low) / max(high - low, 1e-12) * (_BOTTOM - _TOP)
        )


def html(found: Found, curves: Curves, episodes: Sequence[Episode], detector: str) -> str:
    """A page that needs nothing else."""
    shown, left = _shown(found)
    pictures = []
    for key in shown:
        pen = Svg(_WIDTH, _HEIGHT)
        _draw(pen, curves.of(key), _title(found, key), 0)
        pictures.append(pen.document)
    rows = "".join(_row(episode) for episode in episodes)
    head = "<tr><th>from<th>to<th>series<th class=n>samples<th class=n>score<th class=n>value</tr>"
    title = escape(f"{found.table.name}: {found.episodes:,} {'anomaly' if found.episodes == 1 else 'anomalies'}")
    more = f"<p>and {left} series more</p>" if left else ""
    table = f"<table>{head}{rows}</table>" if rows else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{found.rows:,} rows, judged by {escape(detector)}. What is anomalous is red; point at it "
        f"for its time and value.</p>{''.join(pictures)}{more}{table}</html>\n"
    )


def png(found: Found, curves: Curves) -> bytes:
    """A picture of all series, one below the other."""
    shown, _ = _shown(found)
    pen = Png(_WIDTH, max(1, len(shown)) * _HEIGHT, _PAPER)
    for i, key in enumerate(shown):
        _draw(pen, curves.of(key), _title(found, key), i * _HEIGHT)
    return pen.document


def _shown(found: Found) -> tuple[list[SeriesKey], int]:
    """Those that are drawn, and how many are not."""
    keys = sorted(found.series, key=lambda key: -found.series[key].episodes)
    return keys[:_MOST], max(0, len(keys) - _MOST)


def _title(found: Found, key: SeriesKey) -> str:
    one = found.series[key]
    if not one.samples:
        return f"{key}: no samples"
    times = "time" if one.episodes == 1 else "times"
    return f"{key}: anomalous {one.episodes:,} {times}, {one.flagged:,} of {one.samples:,} samples"


def _row(episode: Episode) -> str:
    cells = (iso(episode.start), iso(episode.end), str(episode.key))
    numbers = (f"{episode.samples:,}", number(episode.peak), number(episode.value))
    return (
        f"<tr>{''.join(f'<td>{escape(c)}' for c in cells)}{''.join(f'<td class=n>{escape(n)}' for n in numbers)}</tr>"
    )


def _draw(pen: Pen, curve: Curve, title: str, top: float) -> None:
    pen.text((_LEFT, top + 20), title, _WORDS, size=14)
    if not curve.parts.shape[1]:
        return
    began, ended, least, greatest = curve.parts
    frame = _Frame(float(began[0]), float(ended[-1]), float(least.min()), float(greatest.max()), top)
    _axes(pen, frame)
    _band(pen, curve, frame)
    x = np.stack([frame.x(began), frame.x(ended)], axis=1).ravel()
    # Up and down within each part, so that nothing of it is lost.
    y = np.stack([frame.y(least), frame.y(greatest)], axis=1).ravel()
    pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), _CAME, 1)
    for at, value, score in curve.dots.T.tolist():
        text = f"{iso(int(at))}  {number(value)}  score {number(score)}"
        point = float(frame.x(np.array(at))), float(frame.y(np.array(value)))
        pen.dot(point, _ODD, 2.5, text)


def _axes(pen: Pen, frame: _Frame) -> None:
    for value in dict.fromkeys((frame.low, (frame.low / 2 + frame.high / 2), frame.high)):
        y = float(frame.y(np.array(value)))
        pen.line([(_LEFT, y), (_RIGHT, y)], _LINES, 1)
        pen.text((_LEFT - 8, y + 4), number(value), _FAINT, size=11, end=True)
    for at in np.linspace(frame.first, frame.last, _TICKS if frame.last > frame.first else 1).tolist():
        text = iso(int(at) // 10**9 * 10**9).removesuffix("Z").replace("T", " ")
        x = float(frame.x(np.array(at)))
        pen.text((min(x, _RIGHT - 1), frame.top + _HEIGHT - 10), text, _FAINT, size=11, end=x > _RIGHT - 120)


def _band(pen: Pen, curve: Curve, frame: _Frame) -> None:
    lower, upper = curve.band
    middle = frame.x((curve.parts[0] + curve.parts[1]) / 2)
    there = np.isfinite(lower) & np.isfinite(upper)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]])))
    for first, end in edges.reshape(-1, 2).tolist():
        x = middle[first:end].tolist()
        above = list(zip(x, frame.y(upper[first:end]).tolist(), strict=True))
        below = list(zip(x, frame.y(lower[first:end]).tolist(), strict=True))
        pen.area([*above, *reversed(below)], _BAND)
