"""Hours of days as a configuration writes them: ``days: [sat, sun]``, ``hours: 22:30-6``, and a time zone."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from sentio.config.misfit import misfit, show
from sentio.config.options import Options
from sentio.hours import Weekly

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise misfit(f"is {show(name)}", "a time zone such as Europe/Berlin is expected")
    return name


TimeZone = Annotated[str, AfterValidator(_zone)]


def _minutes(text: str) -> tuple[int, int]:
    """Minutes of the day, from and to. Raises a misfit."""
    found = _HOURS.fullmatch(text)
    if found:
        first, second = (60 * int(h) + int(m or 0) for h, m in (found.group(1, 2), found.group(3, 4)))
        sound = all(int(m or 0) < 60 for m in found.group(2, 4))
        if sound and first != second and max(first, second) <= 24 * 60:
            return first, second
    raise misfit(f"is {show(text)}", "two times of the day such as 9-17 or 22:30-6:00 are expected")


def _hours(text: str) -> str:
    _minutes(text)
    return text


class Hours(Options):
    """These hours of these days, by the wall clock of a time zone that is said elsewhere."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    hours: Annotated[str, AfterValidator(_hours)] = "0-24"

    @property
    def minutes(self) -> tuple[int, int]:
        """Of the day, from and to; a second one that is smaller is on the next day."""
        return _minutes(self.hours)

    @property
    def weekly(self) -> Weekly:
        """The same for what works it out."""
        return Weekly(self.days, *self.minutes)
