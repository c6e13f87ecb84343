"""Alerts in words, for every sink: subjects, sentences, numbers, and a picture of eight heights."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt

from sentio.alerting import GONE, REMOVED
from sentio.reports import Event, Report
from sentio.types import SECOND, SeriesKey

WORST = 20
"""Alerts that one message spells out; of the others it says how many there are."""

_BARS = "▁▂▃▄▅▆▇█"
_SUBJECT = 120
_WIDTH = 40
_LINK = 1000
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def word(event: Event) -> str:
    """``critical``, ``warning``, ``info``, or ``resolved`` for an alert that has ended."""
    return event.level_to.word if event.level_to else "resolved"


def worst(events: Sequence[Event], most: int = WORST) -> list[Event]:
    """At most so many, the worst first: by level, then by score. Of a series that has changed more than once, how it is
    now decides and is the first to be taken; those that are taken stand together, in the order of time."""
    now = _newest(events)
    ranked = sorted(now.values(), key=_rank)
    if len(now) == len(events):
        return ranked[:most]
    before = sorted((event for event in events if now[event.key] is not event), key=_rank)
    taken = set(map(id, (ranked + before)[:most]))
    places = {event.key: place for place, event in enumerate(ranked)}
    return sorted((event for event in events if id(event) in taken), key=lambda event: places[event.key])


def _newest(events: Sequence[Event]) -> dict[SeriesKey, Event]:
    """How each series is now, of which a report may have several changes."""
    return {event.key: event for event in events}


def _rank(event: Event) -> tuple[int, float, str]:
    return -event.level_to, -_or_zero(event.score), str(event.key)


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def left_out(events: Sequence[Event], most: int = WORST) -> str:
    """``and 980 more``; empty where `worst` has them all."""
    return f"and {len(events) - most:,} more" if len(events) > most else ""


def subject(report: Report) -> str:
    """One line of at most 120 characters: ``[critical] cpu: load{host="a"}``, or how many series are what."""
    first, now = worst(report.events, 1)[0], _newest(report.events)
    if len(now) == 1:
        what = str(first.key)
    else:
        counts = Counter(map(word, now.values()))
        what = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda c: _RANKS[c[0]]))
    return cut(plain(f"[{word(first)}] {report.pipeline}: {what}"), _SUBJECT)


_RANKS = {"critical": 0, "warning": 1, "info": 2, "resolved": 3}


_ENDS = {
    GONE: "is no longer awaited, for it stopped arriving; its alert has ended",
    REMOVED: "is no longer watched; its alert has ended",
}


def sentence(event: Event) -> str:
    """What is the matter, on one line."""
    if event.text:
        return plain(event.text)
    if not event.level_to:
        return f"{_ENDS.get(event.cause, 'resolved')} after {span(event.at - event.since)}"
    value = f"is {number(event.value)}" if math.isfinite(event.value) else "has no value"
    if math.isfinite(event.lower) and math.isfinite(event.upper):
        return f"{value}, expected {band(event)}"
    return f"{value}, with a score of {number(event.score)}" if math.isfinite(event.score) else value


def band(event: Event) -> str:
    """``1.2 to 3.4``."""
    return f"{number(event.lower)} to {number(event.upper)}"


def facts(event: Event) -> dict[str, str]:
    """What is known of it, by name; what is not known is left out."""
    known = {
        "value": number(event.value),
        "expected": number(event.yhat),
        "band": band(event) if math.isfinite(event.lower) and math.isfinite(event.upper) else "",
        "score": number(event.score),
        "kind": event.kind,
        "cause": event.cause,
        "since": moment(event.since),
    }
    return {name: plain(text) for name, text in known.items() if text not in ("", _NONE)}


def heading(event: Event, name: str) -> str:
    """``name`` of `facts` for people. The sentence about an incident says what was expected before it; the forecast of
    the newest sample has followed what lasts."""
    return f"{name} by now" if event.text and name in ("expected", "band") else name


_NONE = "unknown"


def number(value: float) -> str:
    """Four significant digits, thousands apart; the very large and the very small with an exponent."""
    if not math.isfinite(value):
        return _NONE
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.4g}"
    digits = 3 - math.floor(math.log10(abs(value))) if value else 0
    rounded = round(value, digits) + 0.0  # of -0.0 it makes 0
    text = f"{rounded:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(at: int) -> str:
    """A time in nanoseconds as people read it, to the second, UTC."""
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rfc3339(at: int) -> str:
    """A time in nanoseconds as programs read it, to the microsecond."""
    whole, rest = divmod(at, SECOND)
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest // 1000:06d}Z"


def span(length: int) -> str:
    """A length in nanoseconds, in its two largest units: ``2h 5m``."""
    left, parts = max(0, length // SECOND), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def roughly(seconds: float) -> str:
    """A length of time, in the largest unit that it has two of."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def sparkline(values: npt.NDArray[np.floating]) -> str:
    """The last 40 of ``values`` as bars of eight heights; a gap where there is none. Empty where none is."""
    shown = np.asarray(values, float)[-_WIDTH:]
    there = np.isfinite(shown)
    if not there.any():
        return ""
    low, high = shown[there].min(), shown[there].max()
    span_ = high - low
    share = np.where(there, (shown - low) / span_ if span_ > 0 else 0.5, 0.0)
    return "".join(
        _BARS[min(7, int(8 * x))] if ok else " " for x, ok in zip(share.tolist(), there.tolist(), strict=True)
    )


def plain(text: str) -> str:
    """On one line, without control characters and what UTF-8 cannot say."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def identity(report: Report) -> str:
    """The same for every attempt to deliver ``report``, and for no other report: 32 hex digits."""
    parts = [report.pipeline, str(report.at)]
    parts += [f"{e.key}|{int(e.level_from)}|{int(e.level_to)}|{e.at}" for e in report.events]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def page(address: str | None, pipeline: str, event: Event) -> str:
    """Where a browser finds the series of ``event``, ``address`` being where it finds Sentio; empty without one.

    Of a series whose name is too long for an address, or cannot be said in UTF-8, it is all of its pipeline.
    """
    if address is None:
        return ""
    whole = f"{address}/?{urlencode({'query': pipeline})}"
    try:
        one = f"{whole}&{urlencode({'q': str(event.key)})}"
    except UnicodeEncodeError:
        return whole
    return one if len(one) <= _LINK else whole


def line(event: Event) -> str:
    """Level, series, sentence."""
    return f"{word(event)}: {plain(str(event.key))}: {sentence(event)}"
