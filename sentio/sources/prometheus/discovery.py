"""Why a query gives no series: where it names a metric that the server does not have, that is said."""

from __future__ import annotations

import difflib
import re
import time
from collections.abc import Callable

from sentio.types import Failure

_PLAIN = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{.*\}\s*)?", re.DOTALL)
_KEPT_S = 600.0

Names = Callable[[], list[str]]
"""Asks the server for the names of its metrics."""


class Discovery:
    """Looks the names up at most once in ten minutes: an empty answer comes with every tick."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: list[str] = []
        self._asked = -_KEPT_S

    def explain(self, query: str) -> Failure | None:
        """What is wrong with a query that gave nothing; None where it names a metric that exists, or is not a plain
        selector: nothing may then be just what it should give. Raises what ``names`` raises."""
        found = _PLAIN.fullmatch(query)
        if not found:
            return None
        if time.monotonic() - self._asked >= _KEPT_S:
            self._asked = time.monotonic()
            self._known = self._names()
        name = found[1]
        if not self._known or name in self._known:
            return None
        near = difflib.get_close_matches(name, self._known, n=3, cutoff=0.5)
        nearest = f"the nearest of its {len(self._known)} metrics are {', '.join(near)}"
        known = nearest if near else "it has none like it"
        text = f"names the metric {name}, which the server does not have; {known}"
        return Failure(query, "unknown_metric", text)
