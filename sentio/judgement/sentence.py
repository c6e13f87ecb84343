"""One sentence about an incident, for people."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from sentio.judgement.incidents import Incidents
from sentio.judgement.kinds import Kind
from sentio.types import SECOND

_Clock = Callable[[int], str]
"""A time in ns, as it is to be read."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNITS = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s"))


def sentence(
    incidents: Incidents,
    row: int,
    column: int = -1,
    *,
    step: int,
    now: int,
    data_range: tuple[float, float] | None = None,
) -> str:
    """About the incident of series ``row`` after sample ``column``; empty where there has been none.

    ``step`` and ``now`` in ns; ``now`` is the time of the newest sample: times of another day have their date. Numbers
    have no units, for those of the series are not known. ``data_range``: where the values can lie at all, if one knows.
    """
    kind = Kind(int(incidents.kind[row, column]))
    if kind == Kind.NONE:
        return ""
    one, clock = Incidents(*(a[row, column] for a in incidents)), _of_day(now)
    if kind == Kind.MISSING:
        return f"{_missing(one, step, now, clock)}."
    if kind == Kind.FLATLINE:
        what = f"exactly {_exact(float(one.level))} for {one.run} samples; {_usual(one)}"
    else:
        what = f"{_what(kind, one, step)}, for {span(int(one.duration(step)))}"
    return f"{_when(kind, one, clock)}: {what}{_beyond(float(one.level), data_range)}."


def _beyond(level: float, data_range: tuple[float, float] | None) -> str:
    """That values cannot be like the newest one."""
    low, high = data_range or (-math.inf, math.inf)
    if level > high:
        return f"; {_exact(level)} is above the range of the data, which ends at {_exact(high)}"
    if level < low:
        return f"; {_exact(level)} is below the range of the data, which begins at {_exact(low)}"
    return ""


def _of_day(now: int) -> _Clock:
    """Hours and minutes, and the date of what is not of the day of ``now``."""
    today = datetime.fromtimestamp(now // SECOND, UTC).date()

    def read(time: int) -> str:
        then = datetime.fromtimestamp(time // SECOND, UTC)
        return then.strftime("%H:%M" if then.date() == today else "%Y-%m-%d %H:%M")

    return read


def _what(kind: Kind, one: Incidents, step: int) -> str:
    """What the samples of incident ``one`` did."""
    if kind == Kind.VARIANCE_CHANGE:
        spread = max(float(one.spread), 1e-3)
        if spread < 1:
            return f"the values scatter {number(1 / spread, 2)} times less than usual"
        return f"the values scatter {number(spread, 2)} times as much as usual"
    if kind in (Kind.EARLY_PATTERN, Kind.LATE_PATTERN):
        return f"the expected shape {span(abs(int(one.lag)) * step)} {'late' if one.lag > 0 else 'early'}"
    if kind == Kind.TREND_BREAK:
        growth = "rising" if one.peak > 0 else "falling"
        return (
            f"{growth} away from what was expected, on average {_aside(one)}, at most by {number(abs(float(one.peak)))}"
        )
    return f"{_aside(one)} what was expected"


def _when(kind: Kind, one: Incidents, clock: _Clock) -> str:
    name = kind.word.replace("_", " ").capitalize()
    onset, end = clock(int(one.onset)), clock(int(one.end))
    if one.open:
        return f"{name} since {onset} UTC"
    return f"{name} at {onset} UTC" if onset == end else f"{name} from {onset} to {end} UTC"


def _aside(one: Incidents) -> str:
    """How far above or below, in percent where that says something: not of next to nothing, nor as next to nothing."""
    side = "above" if one.size > 0 else "below"
    size, percent = number(abs(float(one.size))), abs(float(one.percent))
    if not 0.01 <= percent < 1000:
        return f"{size} {side}"
    return f"{number(percent, 2)} % ({size}) {side}"


def _usual(one: Incidents) -> str:
    return "usually no two are equal" if one.usual < 2 else f"usually no more than {one.usual} are equal"


def _missing(one: Incidents, step: int, now: int, clock: _Clock) -> str:
    usual = f"usually no gap is longer than {span(int(one.usual) * step)}" if one.usual else "usually none is missing"
    if one.gone:
        return f"Stopped arriving {span(now - int(one.end) + int(one.run) * step)} ago; {usual}"
    return f"Did not arrive from {clock(int(one.onset))} UTC on, for {span(int(one.run) * step)}; {usual}"


def number(value: float, digits: int = 3) -> str:
    """``value`` with so many significant digits, whole ones up to a million always, and of more than that four:
    0.00123, 12.3, 1,234, 1,235,000; the very large and the very small with an exponent."""
    if not math.isfinite(value):
        return "unknown"
    size = abs(value)
    if size >= 1e6:
        value = float(f"{value:.3e}")
    if size >= 10 ** (digits - 1) and size < 1e15:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def _exact(value: float) -> str:
    """Whole numbers with all their digits, others with six, or all before the point."""
    whole = value == round(value) or abs(value) >= 1e5
    return f"{value:,.0f}" if whole and abs(value) < 1e15 else f"{value:.6g}"


def span(time: int) -> str:
    """``time`` ns in its two largest units: 45 s, 25 min, 3 h 20 min."""
    seconds = max(round(time / SECOND), 0)
    for i, (unit, name) in enumerate(_UNITS):
        if seconds >= unit:
            rest = seconds % unit // _UNITS[i + 1][0] if unit > 1 else 0
            return f"{seconds // unit} {name}" + (f" {rest} {_UNITS[i + 1][1]}" if rest else "")
    return f"{time / SECOND:.2g} s"
