"""``/api/v1``: what is anomalous, and all series, for programs. docs/api.md has the answers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
from starlette.responses import JSONResponse

from sentio.message import rfc3339
from sentio.runner import Runner
from sentio.types import LOWER, PVALUE, SCORE, SECOND, UPPER, YHAT
from sentio.web.view import LEVELS, STATES, TYPES, Filter, Row, rows, select, worst_first

_LIMIT, _MOST = 1000, 10_000
_FAR = 1_000_000_000
_CHOICES: Mapping[str, Sequence[str]] = {"state": list(STATES), "type": list(TYPES), "level": list(LEVELS)}
_KNOWN = ("q", "query", *_CHOICES, "limit", "offset")
_NUMBERS = {"yhat": YHAT, "lower": LOWER, "upper": UPPER, "score": SCORE, "pvalue": PVALUE}

Params = Sequence[tuple[str, str]]
"""The parameters of an address, in its order."""


class BadRequestError(ValueError):
    """A parameter that cannot be meant."""


class Json(JSONResponse):
    """In ASCII: what a source calls a label need not be sound text."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def anomalies(runners: Sequence[Runner], params: Params) -> Json:
    """Every open incident and every alert that stands, the worst first."""
    return _answer(runners, params, "anomalies")


def series(runners: Sequence[Runner], params: Params) -> Json:
    """All series, in an order that does not change with every sample, so that they can be paged through."""
    return _answer(runners, params, "series")


def _answer(runners: Sequence[Runner], params: Params, name: str) -> Json:
    try:
        given = _checked(params, [runner.line.alias for runner in runners])
        limit, offset = _whole(given, "limit", _LIMIT, 1, _MOST), _whole(given, "offset", 0, 0, _FAR)
    except BadRequestError as error:
        return Json({"error": str(error)}, 400)
    found = select(runners, Filter.of(given))
    if name == "anomalies":
        found = [f.anomalous() for f in found]
    total = sum(len(f.index) for f in found)
    order = worst_first(found) if name == "anomalies" else np.arange(total)
    shown = rows(found, order[offset : offset + limit])
    return Json({"total": total, "offset": offset, name: [_item(row) for row in shown]})


def _checked(params: Params, aliases: Sequence[str]) -> dict[str, str]:
    """The parameters by name. Raises `BadRequestError` for one that would be ignored, or find nothing ever."""
    given: dict[str, str] = {}
    for name, value in params:
        if name not in _KNOWN:
            raise BadRequestError(f"there is no parameter {name!r}; there are {', '.join(_KNOWN)}")
        if name in given:
            raise BadRequestError(f"{name} is given twice")
        given[name] = value
    for name, choices in {**_CHOICES, "query": aliases}.items():
        value = given.get(name, "")
        if value and value not in choices:
            raise BadRequestError(f"{name} is {value!r}; one of {', '.join(choices) or 'none'} is expected")
    return given


def _whole(given: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = given.get(name, "") or str(default)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(high)) else -1
    if not low <= number <= high:
        raise BadRequestError(f"{name} is {text!r}; a whole number from {low} to {high} is expected")
    return number


def _item(row: Row) -> dict[str, object]:
    size, percent = row.sizes
    return {
        "pipeline": row.report.pipeline,
        "metric": row.key.name,
        "labels": dict(row.key.labels),
        "at": rfc3339(row.at),
        "value": _number(row.value),
        **{name: _number(row.output(output)) for name, output in _NUMBERS.items()},
        "state": row.state.word,
        "type": row.kind.word if row.kind else None,
        "since": rfc3339(row.since) if row.since else None,
        "duration": row.duration / SECOND if row.duration else None,
        "size": _number(size),
        "percent": _number(percent),
        "level": row.level.word,
        "text": row.text or None,
    }


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
