"""How long the ticks of a running Sentio take, from its own page."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Self

import requests

from tests.service.support import metric

_LOOK_S = 0.2
_OF = 'query="bench",tick="score"'
_OUTCOMES = ("abandoned", "failed", "late", "skipped")


@dataclass(frozen=True, slots=True)
class Look:
    """What has come since the look before: ticks, their seconds together, those that were not as they should be.
    ``first``: since a start. ``age``: of the newest sample, seconds."""

    at: float
    first: bool
    ticks: int
    seconds: float
    amiss: int
    age: float


class Ticks:
    """Looks at the page of the Sentio at ``url`` some times between two ticks, on a thread."""

    def __init__(self, url: str) -> None:
        self.looks: list[Look] = []
        self._url = f"{url}/metrics"
        self._before: tuple[float, float, float] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def between(self, start: float, end: float) -> list[Look]:
        """Those with ticks, the first one after a start left out."""
        return [look for look in list(self.looks) if start <= look.at < end and not look.first]

    def first(self) -> list[Look]:
        """The first one after each start."""
        return [look for look in list(self.looks) if look.first]

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_S):
            try:
                page = requests.get(self._url, timeout=5).text
            except requests.RequestException:
                self._before = None  # it is not there: what it counts begins anew
                continue
            self._note(page)

    def _note(self, page: str) -> None:
        count, seconds = (
            metric(page, f"sentio_tick_duration_seconds_{part}{{{_OF}}}") or 0.0 for part in ("count", "sum")
        )
        amiss = sum(metric(page, f'sentio_ticks_total{{outcome="{o}",{_OF}}}') or 0.0 for o in _OUTCOMES)
        before = self._before
        if not before or count < before[0]:
            before = (0.0, 0.0, 0.0)
        if count == before[0]:
            return
        age = metric(page, 'sentio_data_age_seconds{query="bench"}') or 0.0
        since = (count - before[0], seconds - before[1], amiss - before[2])
        self.looks.append(Look(time.time(), not before[0], int(since[0]), since[1], int(since[2]), age))
        self._before = (count, seconds, amiss)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
