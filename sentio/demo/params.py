"""Parameters of Prometheus's HTTP API, read and refused as Prometheus does."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl

from sentio.demo.selector import Selector, SelectorError, parse
from sentio.errors import SentioError
from sentio.types import MILLISECOND, Window

MAX_POINTS = 11_000

_LATEST_MS = (2**63 - 1) // MILLISECOND
"""The year 2262, where int64 nanoseconds end."""

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII)
_UNITS_MS = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)


class ApiError(SentioError):
    """The request is refused: HTTP 400, ``bad_data``. The wording is Prometheus's; clients know it."""


class Params:
    """The parameters of one request, names and values in their order."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._pairs = pairs

    @classmethod
    def of(cls, body: bytes, query: str) -> Params:
        """A form's before those of the URL, as in Go."""
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return cls([*form, *parse_qsl(query, keep_blank_values=True)])

    def every(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def first(self, name: str) -> str:
        """The first value of that name; "" when there is none."""
        return next(iter(self.every(name)), "")

    def selector(self) -> Selector:
        """The parameter ``query``. Raises `ApiError`."""
        return _selector(self.first("query"), "query")

    def selectors(self) -> list[Selector]:
        """Each ``match[]``; none when there is none. Raises `ApiError`."""
        return [_selector(text, "match[]") for text in self.every("match[]")]

    def time(self, name: str) -> int:
        """Nanoseconds, in whole milliseconds. Raises `ApiError`, also when it is missing."""
        try:
            return parse_time(self.first(name))
        except ValueError as error:
            raise ApiError(f'invalid parameter "{name}": {error}') from error

    def optional_time(self, name: str) -> int | None:
        """Like `time`; None when it is missing. Raises `ApiError`."""
        return self.time(name) if self.first(name) else None

    def window(self) -> Window:
        """``start``, ``end`` and ``step`` of a range query. Raises `ApiError`."""
        start, end = self.time("start"), self.time("end")
        if end < start:
            raise ApiError('invalid parameter "end": end timestamp must not be before start time')
        try:
            step = parse_duration(self.first("step"))
        except ValueError as error:
            raise ApiError(f'invalid parameter "step": {error}') from error
        if step <= 0:
            raise ApiError(
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer"
            )
        if (end - start) // step > MAX_POINTS:
            raise ApiError(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        return Window(start, end, step)


def _selector(text: str, name: str) -> Selector:
    try:
        return parse(text)
    except SelectorError as error:
        raise ApiError(f'invalid parameter "{name}": {error}') from error


def parse_time(text: str) -> int:
    """Unix seconds or RFC 3339, as nanoseconds in whole milliseconds. Raises `ValueError`."""
    ms = _rfc3339_ms(text) if "T" in text else _seconds_ms(text)
    if ms is None or abs(ms) > _LATEST_MS:
        raise ValueError(f"cannot parse {json.dumps(text)} to a valid timestamp")
    return ms * MILLISECOND


def parse_duration(text: str) -> int:
    """Seconds as a number, or ``1h30m``, as nanoseconds in whole milliseconds. Raises `ValueError`."""
    ms = _seconds_ms(text)
    if ms is None:
        found = _DURATION.fullmatch(text)
        if found is None or text == "":
            raise ValueError(f"cannot parse {json.dumps(text)} to a valid duration")
        ms = sum(int(n) * unit for n, unit in zip(found.groups(), _UNITS_MS, strict=True) if n)
    if abs(ms) > _LATEST_MS:
        raise ValueError(f"cannot parse {json.dumps(text)} to a valid duration. It overflows int64")
    return ms * MILLISECOND


def _seconds_ms(text: str) -> int | None:
    """None where ``text`` is no finite number as Go reads one, which knows no space and no ``_`` in it."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return None
    seconds = float(text)
    if not math.isfinite(seconds):
        return None
    whole = math.trunc(seconds)
    return whole * 1000 + round((seconds - whole) * 1000)


def _rfc3339_ms(text: str) -> int | None:
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    try:
        seconds = datetime.fromisoformat(found[1] + found[3]).timestamp()
    except ValueError:
        return None  # the pattern holds, but there is no such date; the caller says so
    return int(seconds) * 1000 + int((found[2] or "").ljust(3, "0")[:3])
