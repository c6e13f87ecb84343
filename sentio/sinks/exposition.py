"""The page that Prometheus scrapes: rendered once a tick, served as bytes.

The bytes of a label set are made once for each series and kept; a tick joins them with its numbers. The text
is valid both as Prometheus's text format and as OpenMetrics: gauges without timestamps look the same in both.
Each part of it is compressed once a report, as whole deflate blocks, which can be put one after the other; so no
pipeline's are made again with every other one's.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from sentio.config.model import LegacyNames
from sentio.deflated import Deflated
from sentio.errors import SinkError
from sentio.held import give_back
from sentio.judgement.judge import BIAS, COVERAGE, FALLBACK, KIND, SKILL
from sentio.judgement.kinds import Kind
from sentio.reports import Report
from sentio.types import (
    ANOMALY,
    LOWER,
    PVALUE,
    SCORE,
    SECOND,
    UPPER,
    YHAT,
    Bools,
    Floats,
    Keys,
    SeriesKey,
    escape,
    positions,
)

RESERVED = ("metric", "query", "horizon", "output", "detector", "type")
"""Labels of ours; a source's label of that name is published as ``exported_…``."""

FAMILIES = {
    "sentio_value": "The newest sample that was scored.",
    "sentio_yhat": "Its expected value.",
    "sentio_yhat_lower": "Lower edge of the expected band.",
    "sentio_yhat_upper": "Upper edge of the expected band.",
    "sentio_anomaly_score": "How strange the newest sample is; above 1 it is anomalous.",
    "sentio_anomaly": "1 when the newest sample is anomalous, else 0.",
    "sentio_anomaly_pvalue": "Share of ordinary samples of the series that are at least as strange.",
    "sentio_anomaly_type": "1 for the type of the anomaly that lasts, 0 for the others; only while one does.",
    "sentio_alert_level": "0 ok, 1 info, 2 warning, 3 critical.",
    "sentio_forecast_coverage_ratio": "Share of the samples of about a day that lay in the band.",
    "sentio_forecast_skill_ratio": "1 less the size of the forecast's errors over those of seasonal naive.",
    "sentio_forecast_bias": "Mean of sample less expected value, over about a day.",
    "sentio_forecast_fallback": "1 while seasonal naive stands in for the model, else 0.",
    "sentio_output": "A further output of the detector for the newest sample.",
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
    "sentio_anomaly_pvalue": PVALUE,
    "sentio_forecast_coverage_ratio": COVERAGE,
    "sentio_forecast_skill_ratio": SKILL,
    "sentio_forecast_bias": BIAS,
    "sentio_forecast_fallback": FALLBACK,
}
_LEGACY = {"": "yhat", "_lower": "lower", "_upper": "upper"}
_NAME = re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Page:
    """The series part of the page; ``until`` ns it may be served as it is."""

    text: Deflated
    until: float


_Old = dict[str, dict[str, float]]
"""By metric, then by label text in its braces: what is published under the names of the first Sentio."""


@dataclass(frozen=True, slots=True)
class _Block:
    """One pipeline's lines by metric, good until ``until`` ns; ``old`` are those under the first Sentio's names."""

    lines: Mapping[str, Deflated]
    until: int
    old: _Old


class Exposition:
    """A `sentio.contracts.Sink` that keeps the newest report of each pipeline as text.

    ``ttl``: nanoseconds that each pipeline's lines are served without a newer report.
    """

    def __init__(self, ttl: Callable[[str], int], legacy: Callable[[str], LegacyNames | None]) -> None:
        self._ttl, self._legacy = ttl, legacy
        self._lock = threading.Lock()
        self._blocks: dict[str, _Block] = {}
        self._labels: dict[str, _Labels] = {}
        self._page = Page(Deflated.joined(()), math.inf)

    def emit(self, report: Report) -> None:
        """Render ``report``. Raises `SinkError` for what cannot be told apart; all else is there."""
        give_back()  # what the judge has let go of, before the lines are made
        alias = report.pipeline
        labels = self._labels.get(alias)
        if labels is None or labels.keys != report.scores.keys:
            labels = self._labels[alias] = _Labels(alias, report.scores.keys, labels)
        lines = {name: Deflated.of(text) for name, text in _lines(report, labels) if text}
        legacy = self._legacy(alias)
        old = _old(report, legacy) if legacy else {}
        clash = _clear_ours(old)
        with self._lock:
            twice = self._clear_others(old, alias, report.at)
            lines |= {name: Deflated.of(_text(name, values)) for name, values in old.items() if values}
            self._blocks[alias] = _Block(lines, report.at + self._ttl(alias), old)
            self._page = self._join(report.at)
        _complain(labels.twins, clash + twice)

    def _clear_others(self, old: _Old, alias: str, now: int) -> list[str]:
        """Take out of ``old`` what another pipeline publishes; says so."""
        left_out: dict[str, None] = {}
        for other, block in self._blocks.items():
            if other == alias or block.until <= now:
                continue
            for name, values in old.items():
                for labels in [labels for labels in values if labels in block.old.get(name, {})]:
                    del values[labels]
                    left_out[labels] = None
        if not left_out:
            return []
        said = f"{len(left_out)} series are published by another pipeline under the same legacy_names, and not again"
        return [f"{said}, the first is {next(iter(left_out))}; a prefix of its own is expected"]

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
        parts: list[Deflated] = []
        for name in families:
            if blocks := [b.lines[name] for b in self._blocks.values() if name in b.lines]:
                parts += [_head(name), *blocks]
        return Page(Deflated.joined(parts), min((b.until for b in self._blocks.values()), default=math.inf))


class _Labels:
    """The label text of each series of a pipeline: everything between the braces.

    What ``last`` has already made is taken over: where series come and go, few of many are new at a time.
    """

    def __init__(self, alias: str, keys: Keys, last: _Labels | None = None) -> None:
        self.keys = keys
        at = positions(keys, last.keys) if last else np.full(len(keys), -1)
        known = last.texts if last else []
        self.texts: list[bytes] = [
            known[i] if i >= 0 else label_text(key, alias).encode() for key, i in zip(keys, at.tolist(), strict=True)
        ]
        first = dict(zip(reversed(self.texts), range(len(keys) - 1, -1, -1), strict=True))
        self.unique: Bools = np.zeros(len(keys), bool)
        self.unique[list(first.values())] = True
        self.twins: list[SeriesKey] = [k for k, u in zip(keys, self.unique.tolist(), strict=True) if not u]


def label_text(key: SeriesKey, alias: str) -> str:
    """A series' labels as published: its own, sorted by the names that they have then, so that equal sets are equal
    texts; and ours."""
    taken: dict[str, str] = {}
    for own, value in key.labels:
        name = _NAME.sub("_", own)
        prefix = "_" if name[0].isdigit() else ""
        while prefix + name in RESERVED or prefix + name in taken:
            prefix = "exported_" + prefix
        taken[prefix + name] = value
    published = [*sorted(taken.items()), ("metric", key.name or alias), ("query", alias)]
    return ",".join(f'{name}="{escape(value)}"' for name, value in published)


def _head(name: str) -> Deflated:
    text = FAMILIES.get(name, "Predicted metric, under the name of the first Sentio.")
    return Deflated.of(f"# HELP {name} {text}\n# TYPE {name} gauge\n".encode())


def _lines(report: Report, labels: _Labels) -> Iterator[tuple[str, bytes]]:
    """The lines of each metric."""
    scores, ahead = report.scores, report.forecast
    rows, columns = np.arange(len(scores.keys)), scores.newest()
    yield "sentio_value", _family("sentio_value", labels, scores.values[rows, columns])
    for name, output in _OUTPUTS.items():
        if output in scores.outputs:
            yield name, _family(name, labels, scores.outputs[output][rows, columns])
    if len(report.levels):
        yield "sentio_alert_level", _family("sentio_alert_level", labels, report.levels.astype(np.float64))
    yield "sentio_anomaly_type", _types(report, labels)
    further = sorted(scores.outputs.keys() - {*_OUTPUTS.values(), KIND})
    parts = [
        _family("sentio_output", labels, scores.outputs[output][rows, columns], _whose(output)) for output in further
    ]
    yield "sentio_output", b"".join(parts)
    for edge, values in (("", ahead.yhat), ("_lower", ahead.lower), ("_upper", ahead.upper)):
        name = f"sentio_forecast{edge}"
        parts = [
            _family(name, labels, values[:, i], f',horizon="{_span(at - report.at)}"')
            for i, at in enumerate(ahead.times.tolist())
        ]
        yield name, b"".join(parts)


def _whose(output: str) -> str:
    """The labels of an output: its name, and where a pipeline has several detectors, which of them says it."""
    detector, dot, name = output.partition(".")
    if dot and name:
        return f',detector="{escape(detector)}",output="{escape(name)}"'
    return f',output="{escape(output)}"'


def _types(report: Report, labels: _Labels) -> bytes:
    """A state set for each series with an anomaly that lasts, and nothing for the others: there are ten types."""
    if not report.kinds.any():
        return b""
    open_ = report.kinds != Kind.NONE
    parts = [
        _family(
            "sentio_anomaly_type",
            labels,
            np.where(open_, (report.kinds == kind).astype(np.float64), np.nan),
            f',type="{kind.word}"',
        )
        for kind in Kind
        if kind != Kind.NONE
    ]
    return b"".join(parts)


def _family(name: str, labels: _Labels, values: Floats, more: str = "") -> bytes:
    """One line for each series that has a finite value; ``more`` are further labels."""
    shown = np.isfinite(values) & labels.unique
    texts = labels.texts if shown.all() else list(compress(labels.texts, shown.tolist()))
    numbers = "".join([f"{value!r}\n" for value in values[shown].tolist()]).encode().splitlines(keepends=True)
    lines = [f"{name}{{".encode(), b"", f"{more}}} ".encode(), b""] * len(numbers)
    lines[1::4], lines[3::4] = texts, numbers
    return b"".join(lines)


def _old(report: Report, legacy: LegacyNames) -> _Old:
    """Of several series with one label value the first is published: the old names know no other label."""
    ahead = report.forecast
    wanted = np.flatnonzero(ahead.times == report.at + legacy.horizon)
    rows: dict[str, int] = {}
    for i, key in enumerate(ahead.keys):
        if text := dict(key.labels).get(legacy.label):
            rows.setdefault(f'{{{legacy.label}="{escape(text)}"}}', i)
    found: _Old = {}
    if not len(wanted):
        return found
    for edge, field in _LEGACY.items():
        values = getattr(ahead, field)[:, wanted[0]]
        if legacy.clamp_min is not None:
            values = np.maximum(values, legacy.clamp_min)
        numbers = values.tolist()
        found[f"{legacy.prefix}_yhat{edge}"] = {k: numbers[i] for k, i in rows.items() if math.isfinite(numbers[i])}
    return found


def _clear_ours(old: _Old) -> list[str]:
    """Nothing is left of ``old`` where it has one of Sentio's own names; says so."""
    clash = [name for name in old if name in FAMILIES]
    if not clash:
        return []
    old.clear()
    return [f"legacy_names.prefix gives {clash[0]}, which is a metric of Sentio's own; another prefix is expected"]


def _complain(twins: Sequence[SeriesKey], old: Sequence[str]) -> None:
    """Raises `SinkError` where there is something to say."""
    if twins:
        text = (
            f"{len(twins)} series have the labels of another and are not published, "
            f"the first is {twins[0]}; label sets that differ are expected"
        )
        raise SinkError("; ".join([text, *old]), reason="duplicate_labels", permanent=True)
    if old:
        raise SinkError("; ".join(old), reason="legacy_names", permanent=True)


def _text(name: str, values: Mapping[str, float]) -> bytes:
    return "".join([f"{name}{labels} {value!r}\n" for labels, value in values.items()]).encode()


def _span(nanoseconds: int) -> str:
    """A horizon as a label: ``30s``, ``5m``, ``1h``, ``2d``."""
    seconds = nanoseconds / SECOND
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds) // size}{unit}"
    return f"{seconds:g}s"
