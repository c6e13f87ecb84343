"""The page that Prometheus scrapes: rendered once a tick, served as bytes.

The bytes of a label set are made once for each series and kept; a tick joins them with its numbers. The text
is valid both as Prometheus's text format and as OpenMetrics: gauges without timestamps look the same in both.
"""

from __future__ import annotations

import gzip
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sentio.config.model import LegacyNames
from sentio.config.options import Options
from sentio.errors import SinkError
from sentio.types import (
    ANOMALY,
    LOWER,
    SCORE,
    SECOND,
    UPPER,
    YHAT,
    Bools,
    Floats,
    Keys,
    Report,
    SeriesKey,
    escape,
)

RESERVED = ("metric", "query", "horizon", "output", "detector")
"""Labels of ours; a source's label of that name is published as ``exported_…``."""

FAMILIES = {
    "sentio_value": "The newest sample that was scored.",
    "sentio_yhat": "Its expected value.",
    "sentio_yhat_lower": "Lower edge of the expected band.",
    "sentio_yhat_upper": "Upper edge of the expected band.",
    "sentio_anomaly_score": "Distance from the expected value; 1 is the band's edge, above it is anomalous.",
    "sentio_anomaly": "1 when the newest sample lies outside the band, else 0.",
    "sentio_forecast": "What is expected the horizon from now.",
    "sentio_forecast_lower": "Lower edge of the band the horizon from now.",
    "sentio_forecast_upper": "Upper edge of the band the horizon from now.",
}
"""Every published series metric, with its help text."""

_OUTPUTS = {
    "sentio_yhat": YHAT,
    "sentio_yhat_lower": LOWER,
    "sentio_yhat_upper": UPPER,
    "sentio_anomaly_score": SCORE,
    "sentio_anomaly": ANOMALY,
}
_LEGACY = {"": "yhat", "_lower": "lower", "_upper": "upper"}
_NAME = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Page:
    """The series part of the page, plain and compressed; ``until`` ns it may be served as it is."""

    plain: bytes
    packed: bytes
    until: float


@dataclass(frozen=True, slots=True)
class _Block:
    """One pipeline's lines by metric, good until ``until`` ns."""

    lines: Mapping[str, bytes]
    until: int


class Exposition:
    """A `sentio.contracts.Sink` that keeps the newest report of each pipeline as text.

    ``ttl``: nanoseconds that each pipeline's lines are served without a newer report.
    """

    class Options(Options):
        """None: where and how the page is served is the server's."""

    def __init__(self, ttl: Callable[[str], int], legacy: Callable[[str], LegacyNames | None]) -> None:
        self._ttl, self._legacy = ttl, legacy
        self._lock = threading.Lock()
        self._blocks: dict[str, _Block] = {}
        self._labels: dict[str, _Labels] = {}
        self._page = Page(b"", gzip.compress(b""), math.inf)

    def emit(self, report: Report) -> None:
        """Render ``report``. Raises `SinkError` for series that cannot be told apart; the others are there."""
        alias = report.pipeline
        labels = self._labels.get(alias)
        if labels is None or labels.keys != report.scores.keys:
            labels = self._labels[alias] = _Labels(alias, report.scores.keys)
        lines = _lines(report, labels)
        if legacy := self._legacy(alias):
            lines |= _legacy_lines(report, legacy)
        with self._lock:
            self._blocks[alias] = _Block(lines, report.at + self._ttl(alias))
            self._page = self._join(report.at)
        if labels.twins:
            text = (
                f"{len(labels.twins)} series have the labels of another and are not published, "
                f"the first is {labels.twins[0]}; label sets that differ are expected"
            )
            raise SinkError(text, reason="duplicate_labels", permanent=True)

    def drop(self, alias: str) -> None:
        """Forget a pipeline that is gone."""
        with self._lock:
            self._blocks.pop(alias, None)
            self._labels.pop(alias, None)
            self._page = self._join(None)

    def page(self, now: int) -> Page:
        """What is to be served at ``now``: the page as it was rendered, less what has expired since."""
        page = self._page
        if now >= page.until:
            with self._lock:
                page = self._page = self._join(now)
        return page

    def _join(self, now: int | None) -> Page:
        for alias in [a for a, b in self._blocks.items() if now is not None and b.until <= now]:
            del self._blocks[alias]
        families = dict.fromkeys(FAMILIES)
        families.update(dict.fromkeys(name for b in self._blocks.values() for name in b.lines))
        parts: list[bytes] = []
        for name in families:
            blocks = [b.lines[name] for b in self._blocks.values() if b.lines.get(name)]
            if blocks:
                text = FAMILIES.get(name, "Predicted metric, under the name of the first Sentio.")
                parts += [f"# HELP {name} {text}\n# TYPE {name} gauge\n".encode(), *blocks]
        plain = b"".join(parts)
        until = min((b.until for b in self._blocks.values()), default=math.inf)
        return Page(plain, gzip.compress(plain, 1), until)


class _Labels:
    """The label text of each series of a pipeline: everything between the braces, without the closing one."""

    def __init__(self, alias: str, keys: Keys) -> None:
        self.keys = keys
        texts = [label_text(key, alias) for key in keys]
        first: dict[str, int] = {}
        for i, text in enumerate(texts):
            first.setdefault(text, i)
        self.unique: Bools = np.zeros(len(keys), bool)
        self.unique[list(first.values())] = True
        self.twins: list[SeriesKey] = [k for k, u in zip(keys, self.unique.tolist(), strict=True) if not u]
        self.texts = texts
        self._prefixes: dict[str, list[str]] = {}

    def prefixes(self, name: str, more: str = "") -> list[str]:
        """``name{labels,more} `` for each series."""
        key = name + more
        if key not in self._prefixes:
            tail = ("," + more if more else "") + "} "
            self._prefixes[key] = [f"{name}{{{text}{tail}" for text in self.texts]
        return self._prefixes[key]


def label_text(key: SeriesKey, alias: str) -> str:
    """A series' labels as published, sorted by nothing but the source's own order: its own, then ours."""
    taken: dict[str, str] = {}
    for own, value in key.labels:
        name = _NAME.sub("_", own)
        prefix = "_" if name[0].isdigit() else ""
        while prefix + name in RESERVED or prefix + name in taken:
            prefix = "exported_" + prefix
        taken[prefix + name] = value
    taken |= {"metric": key.name or alias, "query": alias}
    return ",".join(f'{name}="{escape(value)}"' for name, value in taken.items())


def _lines(report: Report, labels: _Labels) -> dict[str, bytes]:
    scores, ahead = report.scores, report.forecast
    rows, columns = np.arange(len(scores.keys)), scores.newest()
    lines = {"sentio_value": _family(labels.prefixes("sentio_value"), scores.values[rows, columns], labels.unique)}
    for name, output in _OUTPUTS.items():
        lines[name] = _family(labels.prefixes(name), scores.outputs[output][rows, columns], labels.unique)
    for edge, values in (("", ahead.yhat), ("_lower", ahead.lower), ("_upper", ahead.upper)):
        name = f"sentio_forecast{edge}"
        parts = [
            _family(labels.prefixes(name, f'horizon="{_span(at - report.at)}"'), values[:, i], labels.unique)
            for i, at in enumerate(ahead.times.tolist())
        ]
        lines[name] = b"".join(parts)
    return lines


def _family(prefixes: Sequence[str], values: Floats, unique: Bools) -> bytes:
    """One line for each series that has a finite value."""
    shown = np.isfinite(values) & unique
    if not shown.any():
        return b""
    picked = compress(prefixes, shown.tolist())
    return "\n".join([p + repr(v) for p, v in zip(picked, values[shown].tolist(), strict=True)] + [""]).encode()


def _legacy_lines(report: Report, legacy: LegacyNames) -> dict[str, bytes]:
    """Of several series with one label value the first is published: the old names know no other label."""
    ahead = report.forecast
    wanted = np.flatnonzero(ahead.times == report.at + legacy.horizon)
    texts = [dict(key.labels).get(legacy.label, "") for key in ahead.keys]
    first = {text: i for i, text in reversed(list(enumerate(texts))) if text}
    unique = np.zeros(len(texts), bool)
    unique[list(first.values())] = True
    lines = {}
    for edge, field in _LEGACY.items():
        name = f"{legacy.prefix}_yhat{edge}"
        values = getattr(ahead, field)[:, wanted[0]]
        if legacy.clamp_min is not None:
            values = np.maximum(values, legacy.clamp_min)
        lines[name] = _family([f'{name}{{{legacy.label}="{escape(t)}"}} ' for t in texts], values, unique)
    return lines


def _span(nanoseconds: int) -> str:
    """A horizon as a label: ``30s``, ``5m``, ``1h``, ``2d``."""
    seconds = nanoseconds / SECOND
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds) // size}{unit}"
    return f"{seconds:g}s"
